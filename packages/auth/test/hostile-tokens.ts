import { claims, encode, type Members, signed, signers, stranger, tokenOf } from './forge.ts'
import { ALGORITHMS, type Attacked, type Hostile, signaturesOf } from './hostile-signatures.ts'

export { ALGORITHMS, type Attacked, type Hostile }

type Sign = (header: unknown, payload: unknown) => string

/** Values that no claim of a certain type has. */
const STRANGE: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['zero', 0],
  ['negative', -1],
  ['fraction', 1.5],
  ['number', 42],
  ['empty string', ''],
  ['digits', '4000000000'],
  ['list', []],
  ['list of numbers', [1]],
  ['list of null', [null]],
  ['nested list', [['x']]],
  ['object', {}],
  ['query operator', { $gt: '' }],
  ['object with toString', { toString: 'x' }],
  ['control characters', 'a\nb'],
  ['NUL', 'a\0b'],
  ['lone surrogate', '\ud800'],
]

/** Strange values that a claim admits after all. */
const ADMITTED: Readonly<Record<string, readonly string[]>> = {
  nbf: ['zero', 'number'],
  iat: ['zero', 'number'],
  sub: ['digits'],
  jti: ['digits'],
  scope: ['empty string', 'digits'],
  scp: ['empty string', 'digits', 'list'],
  scopes: ['empty string', 'digits', 'list'],
  // Past, not malformed: refused as expired.
  exp: [],
}

function claimsOf(sign: Sign, header: Members): Hostile[] {
  const made: Hostile[] = []
  for (const claim of ['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'scope', 'scp', 'scopes']) {
    for (const [name, value] of STRANGE) {
      if (ADMITTED[claim]?.includes(name)) continue
      made.push({ name: `${claim} is ${name}`, token: sign(header, { ...claims, [claim]: value }) })
    }
    if (['iss', 'aud', 'sub', 'exp'].includes(claim)) {
      const rest = { ...claims, [claim]: undefined }
      made.push({ name: `${claim} is missing`, token: sign(header, rest) })
    }
  }
  const text = JSON.stringify(claims)
  for (const number of ['1e400', '-1e400', '1e309', '253402300800', '1e20', '4000000000.5']) {
    made.push({ name: `exp is ${number}`, token: sign(header, text.replace('4000000000', number)) })
    made.push({
      name: `nbf is ${number}`,
      token: sign(header, text.replace('{', `{"nbf":${number === '1e20' ? '1e21' : number},`)),
    })
  }
  made.push({ name: 'expired', token: sign(header, { ...claims, exp: 1_000_000_000 }) })
  made.push({ name: 'not yet valid', token: sign(header, { ...claims, nbf: 3_999_999_999 }) })
  for (const iss of [
    'https://id.example.com/',
    'https://ID.example.com',
    'https://id.example.com.evil.test',
    ' https://id.example.com',
    ['https://id.example.com'],
  ]) {
    made.push({ name: `iss is ${JSON.stringify(iss)}`, token: sign(header, { ...claims, iss }) })
  }
  for (const aud of [
    'https://api.example.com/',
    'https://api.example.com.evil.test',
    ['https://other.example.com'],
    'https://api',
    ['https://api.example.com', 1],
  ]) {
    made.push({ name: `aud is ${JSON.stringify(aud)}`, token: sign(header, { ...claims, aud }) })
  }
  return made
}

function payloadsOf(sign: Sign, header: Members): Hostile[] {
  const text = JSON.stringify(claims)
  const raw: readonly (readonly [string, unknown])[] = [
    ['a list', '[]'],
    ['a list of claims', `[${text}]`],
    ['null', 'null'],
    ['a number', '1'],
    ['a string', '"x"'],
    ['true', 'true'],
    ['no JSON', '{'],
    ['JSON with a comment', `${text}//`],
    ['JSON with a comma too much', text.replace('}', ',}')],
    ['JSON with single quotes', text.replaceAll('"', "'")],
    ['two documents', `${text}${text}`],
    ['with a byte order mark', `\ufeff${text}`],
    ['in UTF-16', Buffer.from(text, 'utf16le')],
    [
      'with invalid UTF-8',
      Buffer.concat([
        Buffer.from(text.slice(0, -1)),
        Buffer.from(',"x":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}'),
      ]),
    ],
    [
      'with overlong UTF-8',
      Buffer.concat([
        Buffer.from(text.slice(0, -1)),
        Buffer.from(',"x":"'),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from('"}'),
      ]),
    ],
    ['with two sub', text.replace('{', '{"sub":"admin",')],
    ['with two sub, one escaped', text.replace('{', '{"\\u0073ub":"admin",')],
    ['with two exp', text.replace('{', '{"exp":1,')],
    ['with two members deep inside', text.replace('{', '{"x":{"y":[{"z":1,"z":2}]},')],
    ['with __proto__', text.replace('{', '{"__proto__":{"admin":true},')],
    ['with an escaped __proto__', text.replace('{', '{"\\u005f_proto__":{"admin":true},')],
    ['nested 2,000 deep', text.replace('{', `{"x":${'['.repeat(2000)}${']'.repeat(2000)},`)],
    ['of 20,000 bytes', text.replace('{', `{"x":"${'x'.repeat(20_000)}",`)],
    ['empty', ''],
  ]
  return raw.map(([name, payload]) => ({ name: `payload ${name}`, token: sign(header, payload) }))
}

function headersOf(sign: Sign, alg: string): Hostile[] {
  const good = { alg, typ: 'at+jwt' }
  const jwk = stranger.publicKey.export({ format: 'jwk' })
  const changed: readonly (readonly [string, unknown])[] = [
    ['none', { ...good, alg: 'none' }],
    ['None', { ...good, alg: 'None' }],
    ['NONE', { ...good, alg: 'NONE' }],
    ['another family', { ...good, alg: alg === 'ES256' ? 'HS256' : 'ES256' }],
    ['HS512', { ...good, alg: 'HS512' }],
    ['RS384', { ...good, alg: 'RS384' }],
    ['ES512', { ...good, alg: 'ES512' }],
    ['Ed448', { ...good, alg: 'Ed448' }],
    ['dir', { ...good, alg: 'dir' }],
    ['lower case', { ...good, alg: alg.toLowerCase() }],
    ['with a space', { ...good, alg: `${alg} ` }],
    ['a list', { ...good, alg: [alg] }],
    ['a number', { ...good, alg: 256 }],
    ['null', { ...good, alg: null }],
    ['a name of Object.prototype', { ...good, alg: 'constructor' }],
    ['missing', { typ: 'at+jwt' }],
  ]
  const made = changed.map(([name, header]) => ({ name: `alg is ${name}`, token: sign(header, claims) }))
  for (const typ of [
    'JWT',
    'jwt',
    'id_token',
    'at+jws',
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    '',
    ' at+jwt',
    'at+jwt;',
    'application/application/at+jwt',
    null,
    1,
    ['at+jwt'],
    {},
  ]) {
    made.push({ name: `typ is ${JSON.stringify(typ)}`, token: sign({ ...good, typ }, claims) })
  }
  made.push({ name: 'typ is missing', token: sign({ alg }, claims) })
  const members: readonly (readonly [string, unknown])[] = [
    ['crit of nothing', { crit: [] }],
    ['crit of exp', { crit: ['exp'], exp: 1 }],
    ['crit of b64', { crit: ['b64'], b64: false }],
    ['crit null', { crit: null }],
    ['crit false', { crit: false }],
    ['b64', { b64: false }],
    ['zip', { zip: 'DEF' }],
    ['enc', { enc: 'A256GCM' }],
    ['jwk', { jwk }],
    ['jku', { jku: 'https://evil.test/keys' }],
    ['x5u', { x5u: 'https://evil.test/cert' }],
    ['x5c', { x5c: ['MIIB'] }],
    ['kid a path', { kid: ['../../../dev/null'] }],
    ['kid an object', { kid: { $gt: '' } }],
    ['kid null', { kid: null }],
  ]
  for (const [name, extra] of members)
    made.push({ name: `header with ${name}`, token: sign({ ...good, ...(extra as Members) }, claims) })
  const text = JSON.stringify(good)
  const raw: readonly (readonly [string, unknown])[] = [
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '1'],
    ['no JSON', '{"alg"'],
    ['with two alg', text.replace('{', '{"alg":"none",')],
    ['with __proto__', text.replace('{', '{"__proto__":{"alg":"none"},')],
    ['with a byte order mark', `\ufeff${text}`],
    [
      'with invalid UTF-8',
      Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${text.slice(1)}`)]),
    ],
  ]
  return [...made, ...raw.map(([name, header]) => ({ name: `header ${name}`, token: sign(header, claims) }))]
}

function formsOf(good: string, alg: string): Hostile[] {
  const [header, payload, signature] = good.split('.') as [string, string, string]
  const bytes = Buffer.from(signature, 'base64url')
  const forms: Record<string, string> = {
    'without signature': `${header}.${payload}.`,
    'of two parts': `${header}.${payload}`,
    'of one part': header,
    'of four parts': `${good}.x`,
    'of five parts': `${good}.x.y`,
    'with an empty part in front': `.${good}`,
    'with an empty payload': `${header}..${signature}`,
    'with an empty header': `.${payload}.${signature}`,
    'dots only': '..',
    'one dot': '.',
    padded: `${good}==`,
    'with padding inside': `${header}==.${payload}.${signature}`,
    'in base64': `${header}.${payload}.${bytes.toString('base64')}`,
    'with a space inside': `${header}.${payload} .${signature}`,
    'with a tab inside': `${header}.${payload}\t.${signature}`,
    'with percent signs': good.replaceAll('.', '%2e'),
    'in quotes': `"${good}"`,
    twice: `${good},${good}`,
    'twice, with a space': `${good} ${good}`,
    'with a latin-1 letter': `${good}é`,
    'with a slash for an underscore': `${header}.${payload}.${signature.slice(0, -2)}/A`,
    'with unused bits set': `${header}.${payload}.${signature.slice(0, -1)}${respelt(signature.slice(-1))}`,
    'cut by one character': good.slice(0, -1),
    'with the payload of another': `${header}.${encode({ ...claims, sub: 'admin' })}.${signature}`,
    'with the header of another': `${encode({ alg, typ: 'at+jwt', kid: 'other' })}.${payload}.${signature}`,
    'JSON serialization': JSON.stringify({ protected: header, payload, signature }),
    'JWE form': `${header}.${signature}.${signature}.${payload}.${signature}`,
    long: `${header}.${payload}.${'A'.repeat(9000)}`,
    'a word': 'null',
    undefined: 'undefined',
    'an object': '[object Object]',
  }
  for (const length of [0, 1, 2, 8, 16, 31, 32, 33, 63, 64, 65, 70, 71, 72, 96, 128, 256]) {
    forms[`with ${length} zero bytes for a signature`] =
      `${header}.${payload}.${Buffer.alloc(length).toString('base64url')}`
    if (length !== bytes.length) {
      const cut = Buffer.concat([bytes, Buffer.alloc(256)]).subarray(0, length)
      forms[`with a signature of ${length} bytes`] = `${header}.${payload}.${cut.toString('base64url')}`
    }
  }
  for (let bit = 0; bit < bytes.length * 8; bit += bytes.length > 64 ? 31 : 7) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    forms[`with bit ${bit} of the signature flipped`] = `${header}.${payload}.${flipped.toString('base64url')}`
  }
  return Object.entries(forms).map(([name, made]) => ({ name, token: made }))
}

/** The next letter: of the last one of a signature some bits are unused. */
function respelt(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return letters[letters.indexOf(letter) ^ 1] as string
}

/** Tokens against a server that verifies one algorithm, all of them to be refused. */
export function hostileTo(alg: Attacked): Hostile[] {
  const sign: Sign = (header, payload) => signed(header, payload, signers[alg])
  const header = { alg, typ: 'at+jwt' }
  return [
    ...claimsOf(sign, header),
    ...payloadsOf(sign, header),
    ...headersOf(sign, alg),
    ...formsOf(tokenOf(alg), alg),
    ...signaturesOf(alg),
  ]
}

/** Tokens next to the hostile ones, class by class, all of them to be accepted. */
export function goodFor(alg: Attacked): Hostile[] {
  const payloads: Record<string, Members> = {
    'plain claims': {},
    'an audience list': { aud: ['https://other.example.com', 'https://api.example.com'] },
    'one audience in a list': { aud: ['https://api.example.com'] },
    'a past nbf': { nbf: 1_000_000_000 },
    'nbf at the beginning': { nbf: 0 },
    'an iat': { iat: 1_700_000_000 },
    'the last exp there is': { exp: 253_402_300_799 },
    'no jti': { jti: undefined },
    'no scope': { scope: undefined },
    'an empty scope': { scope: '' },
    'scopes in a list': { scope: undefined, scp: ['profile:read', 'orders:write'] },
    'scopes in a text': { scope: undefined, scopes: 'profile:read orders:write' },
    'a subject of digits': { sub: '4711' },
    'a subject in Bengali': { sub: 'মাসুম' },
    'a subject with an escape': { sub: 'a"b\\c' },
    'nested claims': { address: { city: 'Dhaka', lines: [['1', '2'], { x: null }] } },
    'braces in a string': { note: '{"sub":"admin"}[[[[{{{{' },
    'the same name in two objects': { a: { x: 1 }, b: { x: 1 } },
    'much text': { note: 'x'.repeat(2000) },
  }
  const headers: Record<string, Members> = {
    'a kid': { kid: 'key-1' },
    'a long kid': { kid: 'k'.repeat(255) },
    'a type in capitals': { typ: 'AT+JWT' },
    'a type with application/': { typ: 'application/at+jwt' },
    'an unknown member': { purpose: 'test' },
    'a certificate’s fingerprint': { x5t: 'dGVzdA' },
  }
  return [
    ...Object.entries(payloads).map(([name, payload]) => ({ name, token: tokenOf(alg, payload) })),
    ...Object.entries(headers).map(([name, header]) => ({ name, token: tokenOf(alg, {}, header) })),
  ]
}
