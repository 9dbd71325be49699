// The page of the demo. What users wrote is shown by textContent, and stays text; posts and comments are rich text, which
// the API has sanitised, and the one policy of Trusted Types lets through.
// The access token lives in this variable; the refresh token in a cookie that no script can read.
const api = document.querySelector('meta[name=api]').content
const sanitised = globalThis.trustedTypes?.createPolicy('rich-text', { createHTML: (html) => html })
const at = (id) => document.getElementById(id)
let token = null

async function call(method, path, body) {
  const response = await fetch(api + path, {
    method,
    credentials: 'include',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const answer = response.status === 204 ? null : await response.json()
  return { ok: response.ok, status: response.status, answer }
}

/** One tab after another: a refresh token that comes back later than its successor ends the session. */
const refresh = () =>
  navigator.locks.request('refresh', async () => {
    const { ok, answer } = await call('POST', '/refresh')
    token = ok ? answer.access_token : null
    return ok
  })

/** Whose token it is. Nobody checks it here: the API does. */
const subjectOf = (jwt) => JSON.parse(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub

/** Asks, with the next access token if this one has expired. The cookie may be another user's by then: tabs share it. */
async function callOn(method, path, body) {
  const result = await call(method, path, body)
  const expired = result.status === 401 && token !== null && /^PTC_AUTH_(?!STEP_UP)/.test(result.answer.code)
  if (!expired) return result
  const user = subjectOf(token)
  token = null
  if (!(await refresh())) return result
  if (subjectOf(token) === user) return call(method, path, body)
  await show()
  throw new Error('Somebody else has signed in here: nothing was done.')
}

/** Asks for the password in a dialog until it is right. The token that it gives is good for this, until the next refresh. */
function stepUp() {
  const [dialog, form] = [at('step-up'), at('password-again')]
  at('refused').textContent = ''
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.onclose = () => {
      form.reset()
      resolve(dialog.returnValue === 'right')
    }
    at('cancel').onclick = () => dialog.close('')
    form.onsubmit = async (event) => {
      event.preventDefault()
      const asked = callOn('POST', '/step-up', Object.fromEntries(new FormData(form)))
      const { ok, answer } = await asked.catch((error) => ({ ok: false, answer: { error: error.message } }))
      if (ok) {
        token = answer.access_token
        dialog.close('right')
      } else at('refused').textContent = answer.error
    }
  })
}

async function ask(method, path, body) {
  let result = await callOn(method, path, body)
  // RFC 9470: the user is known, and has to give the password again.
  if (result.answer?.code === 'PTC_AUTH_STEP_UP_REQUIRED') {
    if (!(await stepUp())) throw new Error('Nothing was done.')
    result = await call(method, path, body)
  }
  if (result.ok) return result.answer
  if (result.status === 401) await show()
  throw new Error(result.answer?.error ?? `The answer was ${result.status}.`)
}

const cents = (amount) => `${(amount / 100).toFixed(2)} (${amount} cents)`

function line(tag, text) {
  const element = document.createElement(tag)
  element.textContent = text
  return element
}

/** Rich text of the API's. */
function rich(tag, html) {
  const element = document.createElement(tag)
  element.innerHTML = sanitised === undefined ? html : sanitised.createHTML(html)
  return element
}

/** The pages behind the door, by their names in the address. */
const pages = { home: showHome, sessions: showSessions, 'api-keys': showKeys }
const chosen = () => (location.hash.slice(1) in pages ? location.hash.slice(1) : 'home')

async function show() {
  const inside = token !== null
  at('doors').hidden = inside
  at('pages').hidden = !inside
  at('logout').hidden = !inside
  for (const page of Object.keys(pages)) at(page).hidden = !inside || page !== chosen()
  at('made').hidden = true
  at('key').textContent = ''
  if (!inside) {
    at('who').textContent = 'Not signed in.'
    return
  }
  const profile = await ask('GET', '/users/profile')
  at('who').textContent = `${profile.username} · ${profile.email} · user ${profile.id}`
  await pages[chosen()]()
}

async function showHome() {
  const accounts = await ask('GET', '/accounts')
  at('accounts').textContent = accounts.map((account) => `Account ${account.id}: ${cents(account.balance)}`).join('; ')
  await showPosts()
}

const when = (text) => new Date(text).toLocaleString()

/** A line with a button that does something to what stands in it. */
function entry(text, label, work) {
  const item = line('li', text)
  if (label !== null) {
    const button = line('button', label)
    button.addEventListener('click', () => attempt(work))
    item.append(button)
  }
  return item
}

async function showSessions() {
  const sessions = await ask('GET', '/sessions')
  at('session-list').replaceChildren(
    ...sessions.map(({ id, label, lastUsedAt, current }) =>
      entry(
        `${label || 'A client without a name'}, last used ${when(lastUsedAt)}${current ? ' (this one)' : ''}`,
        current ? null : 'End',
        async () => {
          await ask('DELETE', `/sessions/${id}`)
          await showSessions()
        },
      ),
    ),
  )
}

async function showKeys() {
  const keys = await ask('GET', '/api-keys')
  at('key-list').replaceChildren(
    ...keys.map(({ id, name, scopes, expiresAt, lastUsedAt }) =>
      entry(
        `${name} (${id}): ${scopes.join(', ')}; until ${when(expiresAt)}; ${lastUsedAt === null ? 'not used yet' : `last used ${when(lastUsedAt)}`}`,
        'Withdraw',
        async () => {
          await ask('DELETE', `/api-keys/${id}`)
          await showKeys()
        },
      ),
    ),
  )
}

async function showPosts() {
  const posts = await ask('GET', '/posts')
  at('posts').replaceChildren(
    ...posts.map((post) => {
      const article = line('article', '')
      const comments = line('button', 'Comments')
      comments.addEventListener('click', () => attempt(() => showComments(article, post.id)), { once: true })
      article.append(line('h3', post.title), rich('div', post.body), line('small', `by ${post.author} `), comments)
      return article
    }),
  )
}

async function showComments(article, id) {
  const comments = await ask('GET', `/posts/${id}/comments`)
  const list = line('ul', '')
  const shown = ({ author, comment }) => {
    const item = line('li', `${author}: `)
    item.append(rich('span', comment))
    return item
  }
  list.append(...comments.map(shown))
  const input = line('input', '')
  input.maxLength = 2000
  const send = line('button', 'Comment')
  send.addEventListener('click', () =>
    attempt(async () => {
      const added = await ask('POST', `/posts/${id}/comments`, { comment: input.value })
      list.append(shown(added))
      input.value = ''
    }),
  )
  article.append(list, input, send)
}

async function attempt(work) {
  at('status').textContent = ''
  try {
    const said = await work()
    if (typeof said === 'string') at('status').textContent = said
  } catch (error) {
    at('status').textContent = error.message
  }
}

function on(id, work) {
  at(id).addEventListener('submit', (event) => {
    event.preventDefault()
    const fields = Object.fromEntries(new FormData(event.target))
    attempt(() => work(fields, event.target))
  })
}

on('login', async (fields, form) => {
  token = (await ask('POST', '/login', fields)).access_token
  form.reset()
  await show()
})
on('register', async (fields, form) => {
  const user = await ask('POST', '/register', fields)
  form.reset()
  return `Registered ${user.username}: sign in.`
})
on('transfer', async (fields, form) => {
  const done = await ask('POST', '/transfer', { amount: Number(fields.amount), toAccount: Number(fields.toAccount) })
  form.reset()
  await show()
  return `Sent ${cents(done.amount)} to account ${done.toAccount}.`
})
on('search', async (fields) => {
  const users = await ask('GET', `/users?${new URLSearchParams(fields)}`)
  at('users').replaceChildren(...users.map((user) => line('li', `${user.id} ${user.username} ${user.email}`)))
})
on('post', async (fields, form) => {
  await ask('POST', '/posts', fields)
  form.reset()
  await showPosts()
})
on('new-key', async (fields, form) => {
  const scopes = new FormData(form).getAll('scopes')
  const { key } = await ask('POST', '/api-keys', { name: fields.name, days: Number(fields.days), scopes })
  form.reset()
  await showKeys()
  at('key').textContent = key
  at('made').hidden = false
})

const leave = (path) => () =>
  attempt(async () => {
    await ask('POST', path)
    token = null
    await show()
  })
at('logout').addEventListener('click', leave('/logout'))
at('everywhere').addEventListener('click', leave('/logout/everywhere'))
addEventListener('hashchange', () => attempt(show))

await attempt(async () => {
  await refresh()
  await show()
})
