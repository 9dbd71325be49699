import type { ObjectSchema, PrefixOptions, RoomOptions, Schema } from '@portcullis/kernel'
import type { Profile } from './profiles.ts'

/** What a route may change: the documents it answers with, each `true` where it is meant. */
export interface XssRoute {
  /** HTML, XHTML, and answers of several parts (`multipart/*`, `message/*`). */
  html?: boolean
  /** `image/svg+xml`. */
  svg?: boolean
  /** Every other XML: `application/xml`, `text/xml`, `*+xml`, stylesheets. */
  xml?: boolean
  /** `application/pdf`. */
  pdf?: boolean
  /** JavaScript under any of its names. */
  javascript?: boolean
  /** Refuse answers without a type instead of sending them as bytes. Default: false. */
  strict?: boolean
  /** The profile of response fields with `contentMediaType: 'text/html'` that name none. Default: `basic`. */
  richText?: Profile
}

/** Options of `@portcullis/xss`. */
export interface XssOptions extends PrefixOptions<XssRoute>, RoomOptions, XssRoute {}

const kinds: Readonly<Record<string, string>> = {
  html: 'Let HTML, XHTML and answers of several parts (`multipart/*`, `message/*`) leave.',
  svg: 'Let SVG leave: an image that runs scripts when it is opened by itself.',
  xml: 'Let every other XML leave.',
  pdf: 'Let PDF leave.',
  javascript: 'Let JavaScript leave, under any of its names.',
}

const strict = {
  type: 'boolean',
  description: 'Refuse answers without a Content-Type instead of sending them as `application/octet-stream`.',
}
const richText = {
  type: 'string',
  enum: ['text', 'basic', 'article'],
  description: "The profile of response fields with `contentMediaType: 'text/html'` that name none.",
}

const properties = (or: (schema: object, value: unknown) => Schema): Readonly<Record<string, Schema>> => ({
  ...Object.fromEntries(
    Object.entries(kinds).map(([kind, description]) => [kind, or({ type: 'boolean', description }, false)]),
  ),
  strict: or(strict, false),
  richText: or(richText, 'basic'),
})

/** What `config.security.xss` may say. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: properties((schema, value) => ({ ...schema, examples: [value === false ? true : value] })),
}

/** The registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...properties((schema, value) => ({ ...schema, default: value })),
  },
}
