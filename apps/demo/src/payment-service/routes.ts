import { databaseOf } from '@portcullis/sql'
import type { FastifyInstance } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { stepUpAge } from '../tokens.ts'
import { listAccounts, transfer, type TransferResult } from './accounts.ts'
import { accountsAnswer, transferAnswer, transferBody } from './schemas.ts'

type Failure = Exclude<TransferResult['outcome'], 'done'>

const failures: Readonly<Record<Failure, readonly [number, `DEMO_${string}`, string]>> = {
  'no-account': [404, 'DEMO_ACCOUNT_MISSING', 'You have no account.'],
  'unknown-account': [404, 'DEMO_ACCOUNT_UNKNOWN', 'There is no such account.'],
  'same-account': [422, 'DEMO_ACCOUNT_SAME', 'A transfer needs two different accounts.'],
  'insufficient-funds': [409, 'DEMO_FUNDS_INSUFFICIENT', 'The balance does not cover this amount.'],
}

const querystring = { type: 'object', additionalProperties: false, properties: {} }

/** Balances and transfers, of the caller's own account only. */
export function paymentRoutes(app: FastifyInstance): void {
  const database = databaseOf(app)

  app.get(
    '/api/accounts',
    { config: forUsers('accounts:read'), schema: { querystring, response: { 200: accountsAnswer } } },
    (request) => listAccounts(database, callerOf(request)),
  )

  app.post<{ Body: { amount: number; toAccount: number } }>(
    '/api/transfer',
    {
      config: forUsers('transfers:write', { stepUp: { maxAge: stepUpAge } }),
      schema: {
        body: transferBody,
        querystring,
        response: { 200: transferAnswer, 404: problemSchema, 409: problemSchema, 422: problemSchema },
      },
    },
    async (request, reply) => {
      const result = await transfer(database, callerOf(request), request.body.toAccount, request.body.amount)
      if (result.outcome === 'done') return result
      return answerProblem(reply, ...failures[result.outcome])
    },
  )
}
