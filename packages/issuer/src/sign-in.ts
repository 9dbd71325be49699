import { emit } from '@portcullis/kernel'
import { RESERVED } from './sessions/access-token.ts'
import { type Asker, attempt, decline, declined, type Declined, type Desk, deskOf, revokeTokens } from './desk.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { mustKnow } from './members.ts'
import type { PasswordAccount } from './passwords/hash.ts'
import { canonicalPassword, faultOf, type PasswordFault } from './passwords/rules.ts'
import type { AccessGrant, Grant, Standing } from './sessions/sessions.ts'

const SENTENCES: Readonly<Record<Exclude<PasswordFault, 'short' | 'long'>, string>> = {
  malformed: 'The password is not valid text.',
  common: 'This password is among the first that attackers try. Choose another.',
  repetitive: 'This password repeats one part over and over. Choose another.',
  personal: 'This password is made of a name that anybody would try. Choose another.',
}

function sentenceOf(fault: PasswordFault, { policy }: Desk): string {
  if (fault === 'short') return `The password needs at least ${policy.passwords.minLength} characters.`
  if (fault === 'long') return `The password may have at most ${policy.passwords.maxLength} characters.`
  return SENTENCES[fault]
}

/**
 * Examines a new password and hashes it (Argon2id, PHC form): at registration, and when it is changed. After a change,
 * call `signOutEverywhere` with `except`.
 * @param personal what anybody would try for this user: the name, the address
 * @throws TypeError if they are no list
 */
export async function hashPassword(
  asker: Asker,
  password: string,
  personal: readonly string[] = [],
): Promise<{ readonly passwordHash: string } | Declined> {
  const desk = deskOf(asker)
  if (!Array.isArray(personal)) throw new TypeError('the words that anybody would try for a user are a list')
  const fault = faultOf(password, desk.policy.passwords, personal)
  if (fault !== null) {
    const details = { sentence: sentenceOf(fault, desk), detail: { reason: `password-${fault}` } }
    return decline(errors.PTC_ISSUER_PASSWORD_REFUSED.with(details))
  }
  const passwordHash = await desk.hasher.hash(canonicalPassword(password) ?? '')
  return passwordHash === null ? declined.busy(desk) : { passwordHash }
}

/** A password that was right. */
export interface Verified<Account> {
  readonly account: Account
  /** The hash to store in place of the old one, which has weaker parameters; null: nothing to store. */
  readonly rehashed: string | null
}

/**
 * Verifies a password. Answer and time are the same for a name that nobody has (`null`), a wrong password and a locked
 * account: call it for all three.
 * @param account what you store for the name; null or undefined if there is nobody
 */
export async function verifyPassword<Account extends PasswordAccount>(
  asker: Asker,
  password: string,
  account: Account | null | undefined,
): Promise<Verified<Account> | Declined> {
  const desk = deskOf(asker)
  const found = await desk.hasher.verify(password, account)
  if (found === 'busy') return declined.busy(desk)
  if (account === null || account === undefined || !found.matches)
    return declined.signIn(account?.locked ? 'locked' : account ? 'password' : 'unknown')
  if (!found.outdated) return { account, rehashed: null }
  const rehashed = await desk.hasher.hash(canonicalPassword(password) ?? '')
  // Null, for the queue is full: there will be another sign-in.
  return { account, rehashed }
}

/** Who signs in. */
export interface SignIn extends Standing {
  /** `sub`: never changes, never belongs to anybody else. */
  readonly subject: string
  /** `client_id`. Default: the registration's. */
  readonly clientId?: string
  /** What the user sees of this session in a list, such as the browser's name; at most 200 characters are kept. */
  readonly label?: string
  /** The refresh token that the client still has: its session ends. */
  readonly replaces?: string
}

/**
 * Begins a session, for a user who has proved who he is. Send the grant with `Cache-Control: no-store`.
 * @throws TypeError for a subject, scopes or claims that no token can carry, and for members that it does not know
 */
export async function signIn(asker: Asker, who: SignIn): Promise<Grant | Declined> {
  const desk = deskOf(asker)
  mustKnow('signIn', who, ['subject', ...STANDING, 'clientId', 'label', 'replaces'])
  const { subject, scopes = [], claims = {}, clientId = desk.policy.clientId, label = '', replaces } = who
  if (typeof subject !== 'string' || subject === '' || subject.length > 255 || /\p{Cc}|\p{Cs}/u.test(subject))
    throw new TypeError('a subject is a text of 1 to 255 characters, none of them a control character')
  mustBeStanding({ scopes, claims })
  const shown = Array.from(label.toWellFormed().replaceAll(/\p{Cc}/gu, ' '))
    .slice(0, 200)
    .join('')
  return attempt(desk, async () => {
    const replaced = await desk.sessions.endToken(replaces)
    const { grant, ended } = await desk.sessions.begin({ subject, scopes, claims, clientId, label: shown })
    if (replaced.length + ended.length > 0) await revokeTokens(asker, desk, [...replaced, ...ended])
    emit(asker, events['issuer.signed-in'], { outcome: 'allowed', detail: { subject, session: grant.sessionId } })
    return grant
  })
}

const STANDING = ['scopes', 'claims'] as const

/** @throws TypeError */
export function mustBeStanding(standing: Standing): void {
  const { scopes = [], claims = {} } = standing
  if (!Array.isArray(scopes)) throw new TypeError('scopes are a list')
  // RFC 6749 §3.3.
  const bad = scopes.find((scope) => typeof scope !== 'string' || !/^[\x21\x23-\x5B\x5D-\x7E]+$/.test(scope))
  if (bad !== undefined) throw new TypeError(`a scope is visible ASCII without space, quote and backslash: ${bad}`)
  const taken = Object.keys(claims).find((name) => RESERVED.has(name))
  if (taken !== undefined) throw new TypeError(`the claim ${taken} is written by the issuer`)
  // Throws for what JSON cannot carry, before a session is begun.
  JSON.stringify(claims)
}

/** What the account look-up answers. Of a misspelt `scopes`, yesterday's would stay. @throws TypeError */
export function mustBeAnswer(standing: Standing): void {
  mustKnow('what `account` answers', standing, STANDING)
  mustBeStanding(standing)
}

/** What a step-up needs. */
export interface StepUp<Account> {
  /** `sub` and `sid` of the caller's access token. */
  readonly subject: string
  readonly sessionId: string
  readonly password: string
  readonly account: Account | null | undefined
}

/**
 * Has a signed-in user give the password again, and issues an access token with a fresh `auth_time`. Only this token
 * has it: the next refresh gives the time of the sign-in again, so a stolen refresh token gains nothing.
 * @throws TypeError for members that it does not know
 */
export async function stepUp<Account extends PasswordAccount>(
  asker: Asker,
  who: StepUp<Account>,
): Promise<(AccessGrant & { readonly rehashed: string | null }) | Declined> {
  const desk = deskOf(asker)
  mustKnow('stepUp', who, ['subject', 'sessionId', 'password', 'account'])
  const { subject, sessionId, password, account } = who
  const verified = await verifyPassword(asker, password, account)
  if ('refusal' in verified) return verified
  return attempt(desk, async () => {
    const standing = await desk.account?.(subject)
    const isGone = desk.account !== undefined && (standing === null || standing === undefined)
    mustBeAnswer(standing ?? {})
    const grant = isGone ? null : await desk.sessions.stepUp(subject, sessionId, standing ?? {})
    if (grant === null) return declined.session({ reason: isGone ? 'account' : 'ended', subject })
    emit(asker, events['issuer.stepped-up'], { outcome: 'allowed', detail: { subject, session: sessionId } })
    return { ...grant, rehashed: verified.rehashed }
  })
}
