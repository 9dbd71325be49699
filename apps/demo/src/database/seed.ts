import type pg from 'pg'
import { hashPassword } from '../user-service/password.ts'

/** The users that exist from the start. The passwords are public: this is a demo. */
export const seededUsers = [
  {
    id: 101,
    username: 'masum',
    email: 'masum@example.com',
    password: 'correct-horse-7',
    account: 1001,
    balance: 100_000,
  },
  {
    id: 102,
    username: 'alice',
    email: 'alice@example.com',
    password: 'battery-staple-9',
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
  const hashes = await Promise.all(seededUsers.map((user) => hashPassword(user.password)))
  for (const [index, user] of seededUsers.entries()) {
    const added = await owner.query(
      `insert into portcullis_users.users (id, username, email, password_hash) values ($1, $2, $3, $4) on conflict do nothing`,
      [user.id, user.username, user.email, hashes[index]],
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
