import type pg from 'pg'

/** A post, as answers show one. */
export interface Post {
  readonly id: number
  readonly author: string
  readonly title: string
  readonly body: string
  readonly createdAt: Date
}

/** A comment, as answers show one. */
export interface Comment {
  readonly id: number
  readonly author: string
  readonly comment: string
  readonly createdAt: Date
}

/** The newest fifty posts. */
export async function listPosts(pool: pg.Pool): Promise<Post[]> {
  const { rows } = await pool.query<Post>(
    `select p.id, u.username as author, p.title, p.body, p.created_at as "createdAt"
       from portcullis_users.posts p join portcullis_users.users u on u.id = p.author_id
      order by p.id desc limit 50`,
  )
  return rows
}

/** Posts read at once by the export. */
const PAGE = 200

/** Every post, oldest first, page by page. */
export async function* exportPosts(pool: pg.Pool): AsyncGenerator<Post> {
  for (let after = 0; ;) {
    const { rows } = await pool.query<Post>(
      `select p.id, u.username as author, p.title, p.body, p.created_at as "createdAt"
         from portcullis_users.posts p join portcullis_users.users u on u.id = p.author_id
        where p.id > $1 order by p.id limit $2`,
      [after, PAGE],
    )
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.id
  }
}

/** Adds a post. */
export async function addPost(pool: pg.Pool, author: number, post: Pick<Post, 'title' | 'body'>): Promise<Post> {
  const { rows } = await pool.query<Post>(
    `with added as (
       insert into portcullis_users.posts (author_id, title, body) values ($1, $2, $3)
       returning id, author_id, title, body, created_at
     )
     select a.id, u.username as author, a.title, a.body, a.created_at as "createdAt"
       from added a join portcullis_users.users u on u.id = a.author_id`,
    [author, post.title, post.body],
  )
  return rows[0] as Post
}

/** The oldest two hundred comments of a post. @returns null if there is no such post. */
export async function listComments(pool: pg.Pool, post: number): Promise<Comment[] | null> {
  const known = await pool.query('select 1 from portcullis_users.posts where id = $1', [post])
  if (known.rowCount === 0) return null
  const { rows } = await pool.query<Comment>(
    `select c.id, u.username as author, c.comment, c.created_at as "createdAt"
       from portcullis_users.comments c join portcullis_users.users u on u.id = c.author_id
      where c.post_id = $1 order by c.id limit 200`,
    [post],
  )
  return rows
}

/** Adds a comment. @returns null if there is no such post. */
export async function addComment(
  pool: pg.Pool,
  author: number,
  post: number,
  comment: string,
): Promise<Comment | null> {
  const { rows } = await pool.query<Comment>(
    `with added as (
       insert into portcullis_users.comments (post_id, author_id, comment)
       select id, $2, $3 from portcullis_users.posts where id = $1
       returning id, author_id, comment, created_at
     )
     select a.id, u.username as author, a.comment, a.created_at as "createdAt"
       from added a join portcullis_users.users u on u.id = a.author_id`,
    [post, author, comment],
  )
  return rows[0] ?? null
}
