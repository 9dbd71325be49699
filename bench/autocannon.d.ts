/** What we use of autocannon, which brings no types. */
declare module 'autocannon' {
  export default function autocannon(options: {
    url: string
    connections: number
    duration: number
    requests: { headers: Record<string, string> }[]
  }): Promise<{ requests: { total: number }; latency: { p99: number }; non2xx: number; errors: number }>
}
