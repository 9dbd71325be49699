import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '@portcullis/testing/free-port'
import type { Program } from './comparison.ts'

/** Where Debian puts it, which is not on every user's path. */
const COMMAND = '/usr/sbin/nginx'

export const nginxIsHere: boolean = spawnSync(COMMAND, ['-v']).error === undefined

/** Microseconds of a tick of the kernel's clock, as `/proc` counts. */
const TICK = 10_000

/** nginx as a proxy: one process, connections to the service kept, the fields that everybody sends. */
export async function startNginx(backend: number): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-nginx-'))
  const port = await freePort()
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; ${folders.join(' ')}
  upstream service { server 127.0.0.1:${backend}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location /users/ {
      proxy_pass http://service/api/users/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-Id $request_id;
    }
  }
}
`,
  )
  const child = spawn(COMMAND, ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'inherit' })
  const close = (): void => {
    child.kill()
    rmSync(folder, { recursive: true })
  }
  await pause(300)
  if (child.exitCode !== null) throw new Error(`nginx does not start: ${readFileSync(join(folder, 'errors'), 'utf8')}`)
  return {
    port,
    cpu() {
      // proc(5): the name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return { user: Number(fields[11]) * TICK, system: Number(fields[12]) * TICK }
    },
    close,
  }
}
