// The page of the demo. What users wrote is shown by textContent only: it stays text.
// The access token lives in this variable; the refresh token in a cookie that no script can read.
const api = document.querySelector('script[data-api]').dataset.api
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

/** One tab at a time: a refresh token that is used twice ends the session. */
const refresh = () =>
  navigator.locks.request('refresh', async () => {
    const { ok, answer } = await call('POST', '/refresh')
    token = ok ? answer.access_token : null
    return ok
  })

async function ask(method, path, body) {
  let result = await call(method, path, body)
  if (result.status === 401 && token !== null) {
    token = null
    if (await refresh()) result = await call(method, path, body)
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

async function show() {
  const inside = token !== null
  at('doors').hidden = inside
  at('house').hidden = !inside
  at('logout').hidden = !inside
  if (!inside) {
    at('who').textContent = 'Not signed in.'
    return
  }
  const [profile, accounts] = await Promise.all([ask('GET', '/users/profile'), ask('GET', '/accounts')])
  at('who').textContent = `${profile.username} · ${profile.email} · user ${profile.id}`
  at('accounts').textContent = accounts.map((account) => `Account ${account.id}: ${cents(account.balance)}`).join('; ')
  await showPosts()
}

async function showPosts() {
  const posts = await ask('GET', '/posts')
  at('posts').replaceChildren(
    ...posts.map((post) => {
      const article = line('article', '')
      const comments = line('button', 'Comments')
      comments.addEventListener('click', () => attempt(() => showComments(article, post.id)), { once: true })
      article.append(line('h3', post.title), line('p', post.body), line('small', `by ${post.author} `), comments)
      return article
    }),
  )
}

async function showComments(article, id) {
  const comments = await ask('GET', `/posts/${id}/comments`)
  const list = line('ul', '')
  list.append(...comments.map((entry) => line('li', `${entry.author}: ${entry.comment}`)))
  const input = line('input', '')
  input.maxLength = 2000
  const send = line('button', 'Comment')
  send.addEventListener('click', () =>
    attempt(async () => {
      const added = await ask('POST', `/posts/${id}/comments`, { comment: input.value })
      list.append(line('li', `${added.author}: ${added.comment}`))
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
at('logout').addEventListener('click', () =>
  attempt(async () => {
    await ask('POST', '/logout')
    token = null
    await show()
  }),
)

await attempt(async () => {
  await refresh()
  await show()
})
