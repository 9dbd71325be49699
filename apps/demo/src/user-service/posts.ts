import { type SecureDatabase, sql } from '@portcullis/sql'

/** A post as it was written: the body is HTML, which answers sanitise. */
export interface Post {
  readonly id: number
  readonly author: string
  readonly title: string
  readonly body: string
  readonly createdAt: Date
}

/** A comment as it was written: HTML, which answers sanitise. */
export interface Comment {
  readonly id: number
  readonly author: string
  readonly comment: string
  readonly createdAt: Date
}

/** The newest fifty posts. */
export async function listPosts(database: SecureDatabase): Promise<Post[]> {
  const { rows } = await database.query<Post>(
    sql`select p.id, u.username as author, p.title, p.body, p.created_at as "createdAt"
          from portcullis_users.posts p join portcullis_users.users u on u.id = p.author_id
         order by p.id desc limit 50`,
  )
  return rows
}

/** Posts read at once by the export. */
const PAGE = 200

/** Every post, oldest first, page by page. */
export async function* exportPosts(database: SecureDatabase): AsyncGenerator<Post> {
  for (let after = 0; ;) {
    const { rows } = await database.query<Post>(
      sql`select p.id, u.username as author, p.title, p.body, p.created_at as "createdAt"
            from portcullis_users.posts p join portcullis_users.users u on u.id = p.author_id
           where p.id > ${after} order by p.id limit ${PAGE}`,
    )
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.id
  }
}

/** Adds a post. */
export async function addPost(
  database: SecureDatabase,
  author: number,
  post: Pick<Post, 'title' | 'body'>,
): Promise<Post> {
  const { rows } = await database.query<Post>(
    sql`with added as (
          insert into portcullis_users.posts (author_id, title, body) values (${author}, ${post.title}, ${post.body})
          returning id, author_id, title, body, created_at
        )
        select a.id, u.username as author, a.title, a.body, a.created_at as "createdAt"
          from added a join portcullis_users.users u on u.id = a.author_id`,
  )
  return rows[0] as Post
}

/** The oldest two hundred comments of a post. @returns null if there is no such post. */
export async function listComments(database: SecureDatabase, post: number): Promise<Comment[] | null> {
  const known = await database.query(sql`select 1 from portcullis_users.posts where id = ${post}`)
  if (known.rows.length === 0) return null
  const { rows } = await database.query<Comment>(
    sql`select c.id, u.username as author, c.comment, c.created_at as "createdAt"
          from portcullis_users.comments c join portcullis_users.users u on u.id = c.author_id
         where c.post_id = ${post} order by c.id limit 200`,
  )
  return rows
}

/** Adds a comment. @returns null if there is no such post. */
export async function addComment(
  database: SecureDatabase,
  author: number,
  post: number,
  comment: string,
): Promise<Comment | null> {
  const { rows } = await database.query<Comment>(
    sql`with added as (
          insert into portcullis_users.comments (post_id, author_id, comment)
          select id, ${author}::integer, ${comment}::text from portcullis_users.posts where id = ${post}
          returning id, author_id, comment, created_at
        )
        select a.id, u.username as author, a.comment, a.created_at as "createdAt"
          from added a join portcullis_users.users u on u.id = a.author_id`,
  )
  return rows[0] ?? null
}
