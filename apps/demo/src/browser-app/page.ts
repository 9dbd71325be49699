import { dangerouslyTrustHtml, html, type SafeHtml } from '@portcullis/xss'

/** What differs from one visit to the next, and where things are. */
export interface PageParts {
  /** Origin of the API. */
  readonly api: string
  /** The nonce of this answer's policy. */
  readonly nonce: string
  /** What browsers compare the files with before they use them (Subresource Integrity §3.2): no cache can change them. */
  readonly script: string
  readonly style: string
}

/** The template lets no value decide what a script is. These are hashes of our own files, and the nonce. */
function files({ nonce, script, style }: PageParts): SafeHtml {
  return dangerouslyTrustHtml(
    `<link rel="stylesheet" href="/style.css" integrity="${style}" />
        <script type="module" src="/app.js" nonce="${nonce}" integrity="${script}"></script>`,
  )
}

/** The document: each value is escaped for its place, and a place where none is safe would be refused. */
export function page(parts: PageParts): string {
  return String(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Portcullis demo</title>
          <meta name="api" content="${parts.api}" />
          ${files(parts)}
        </head>
        <body>
          <header>
            <h1>Portcullis demo</h1>
            <p id="who">Not signed in.</p>
            <nav id="pages" hidden>
              <a href="#home">Home</a>
              <a href="#sessions">Sessions</a>
              <a href="#api-keys">API keys</a>
            </nav>
            <button id="logout" hidden>Sign out</button>
          </header>
          <p id="status" role="status"></p>

          <section id="doors">
            <form id="login">
              <h2>Sign in</h2>
              <label>Username <input name="username" autocomplete="username" required maxlength="32" /></label>
              <label
                >Password
                <input name="password" type="password" autocomplete="current-password" required maxlength="128"
              /></label>
              <button>Sign in</button>
            </form>
            <form id="register">
              <h2>Register</h2>
              <label
                >Username <input name="username" autocomplete="username" required pattern="[a-z0-9_]{3,32}"
              /></label>
              <label>Email <input name="email" type="email" autocomplete="email" required maxlength="254" /></label>
              <label
                >Password, 15 characters or more
                <input
                  name="password"
                  type="password"
                  autocomplete="new-password"
                  required
                  minlength="15"
                  maxlength="128"
              /></label>
              <button>Register</button>
            </form>
          </section>

          <section id="home" hidden>
            <form id="transfer">
              <h2>Transfer</h2>
              <p id="accounts"></p>
              <label>Cents <input name="amount" type="number" min="1" step="1" required /></label>
              <label>To account <input name="toAccount" type="number" min="1" step="1" required /></label>
              <button>Transfer</button>
            </form>
            <form id="search">
              <h2>Users</h2>
              <label>Search <input name="search" maxlength="64" /></label>
              <label
                >Sort by
                <select name="sort">
                  <option>id</option>
                  <option>username</option>
                  <option>email</option>
                </select>
              </label>
              <button>Search</button>
              <ul id="users"></ul>
            </form>
            <form id="post">
              <h2>Posts</h2>
              <label>Title <input name="title" required maxlength="200" /></label>
              <label>Text, in HTML: <textarea name="body" required maxlength="10000"></textarea></label>
              <button>Post</button>
            </form>
            <div id="posts"></div>
          </section>

          <section id="sessions" hidden>
            <article>
              <h2>Where you are signed in</h2>
              <ul id="session-list"></ul>
              <button id="everywhere">Sign out everywhere</button>
            </article>
          </section>

          <section id="api-keys" hidden>
            <form id="new-key">
              <h2>New API key</h2>
              <label>Name <input name="name" required maxlength="64" /></label>
              <label>Days <input name="days" type="number" min="1" max="365" value="30" required /></label>
              <fieldset>
                <legend>What it may do</legend>
                <label><input name="scopes" type="checkbox" value="profile:read" checked /> profile:read</label>
                <label><input name="scopes" type="checkbox" value="users:read" /> users:read</label>
                <label><input name="scopes" type="checkbox" value="posts:read" /> posts:read</label>
                <label><input name="scopes" type="checkbox" value="posts:write" /> posts:write</label>
                <label><input name="scopes" type="checkbox" value="accounts:read" /> accounts:read</label>
              </fieldset>
              <button>Make a key</button>
              <p id="made" hidden>
                Copy it now: it is not shown again. Send it as <code>X-API-Key</code>. <output id="key"></output>
              </p>
            </form>
            <article>
              <h2>Your API keys</h2>
              <ul id="key-list"></ul>
            </article>
          </section>

          <dialog id="step-up">
            <form id="password-again">
              <h2>Your password, please</h2>
              <p>You gave it a while ago, and this needs it once more.</p>
              <label
                >Password
                <input name="password" type="password" autocomplete="current-password" required maxlength="128"
              /></label>
              <p id="refused" role="alert"></p>
              <button>Go on</button>
              <button type="button" id="cancel">Cancel</button>
            </form>
          </dialog>
        </body>
      </html> `,
  )
}
