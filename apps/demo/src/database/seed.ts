import type pg from 'pg'

/** The users that exist from the start. The passwords are public, and so their hashes: this is a demo. */
export const seededUsers = [
  {
    id: 101,
    username: 'masum',
    email: 'masum@example.com',
    password: 'correct-horse-7',
    passwordHash: '$argon2id$v=19$m=19456,t=2,p=1$n5cHKRyC/PIogM2o+H5RjQ$iCvuqEJ2nM6ekNHGldXrH79m3gve3nffIjSkVtp4hZE',
    account: 1001,
    balance: 100_000,
  },
  {
    id: 102,
    username: 'alice',
    email: 'alice@example.com',
    password: 'battery-staple-9',
    passwordHash: '$argon2id$v=19$m=19456,t=2,p=1$bLUAw8SGLVhRgRo0ueOHKA$JSxUyfr1U9GF9Bo9xLWHPf5LyeibdZq1EHNf5hhNYV4',
    account: 1002,
    balance: 50_000,
  },
] as const

const posts = [
  { id: 1, author: 101, title: 'Hello, gate', body: 'Every request you see here came through one door.' },
  { id: 2, author: 102, title: 'On locks', body: 'A lock that nobody tests is a decoration.' },
  { id: 3, author: 101, title: 'Prices', body: 'All amounts are integer cents.' },
]

const comments = [
  { id: 1, post: 1, author: 102, comment: 'And it was polite about it.' },
  { id: 2, post: 2, author: 101, comment: 'Then let us test it.' },
  { id: 3, post: 3, author: 102, comment: 'Nobody likes 0.1 + 0.2.' },
]

/** Fills empty tables; what is there already stays as it is. */
export async function seed(owner: pg.Client): Promise<void> {
  for (const user of seededUsers) {
    const added = await owner.query(
      `insert into portcullis_users.users (id, username, email, password_hash) values ($1, $2, $3, $4) on conflict do nothing`,
      [user.id, user.username, user.email, user.passwordHash],
    )
    if (added.rowCount === 0) continue
    await owner.query(`update portcullis_payments.accounts set id = $2, balance = $3 where owner_id = $1`, [
      user.id,
      user.account,
      user.balance,
    ])
  }
  for (const post of posts) {
    await owner.query(
      `insert into portcullis_users.posts (id, author_id, title, body) values ($1, $2, $3, $4) on conflict do nothing`,
      [post.id, post.author, post.title, post.body],
    )
  }
  for (const comment of comments) {
    await owner.query(
      `insert into portcullis_users.comments (id, post_id, author_id, comment) values ($1, $2, $3, $4) on conflict do nothing`,
      [comment.id, comment.post, comment.author, comment.comment],
    )
  }
}
