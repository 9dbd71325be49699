/** What a value of an attribute is to a browser. */
export type AttributeKind = 'text' | 'link' | 'resource' | 'refused'

const words = (list: string): ReadonlySet<string> => new Set(list.split(' '))

/** Attributes whose value is shown, compared or counted, but neither run nor fetched (HTML, attribute index; ARIA). */
const TEXT = words(
  'abbr accept accept-charset alt autocapitalize autocomplete checked class cols colspan content controls ' +
    'coords datetime decoding dir dirname disabled download draggable enctype enterkeyhint fetchpriority for headers ' +
    'height hidden high hreflang id inert inputmode itemprop kind label lang list loading loop low max maxlength ' +
    'media method min minlength multiple muted name nonce novalidate open optimum pattern placeholder playsinline ' +
    'popover popovertarget popovertargetaction preload readonly rel required reversed role rows rowspan scope ' +
    'selected shape size sizes span spellcheck start step summary tabindex target title translate type usemap value ' +
    'width wrap',
)

/** Attributes that hold one URL. */
const URLS = words('action cite formaction href longdesc poster src')

/** Elements whose URL loads code, a document that scripts us or becomes part of ours, or the base of every other URL. */
const LOADS = words('base embed frame link object portal script use')

/** Elements of SVG that write other attributes. */
const ANIMATES = words('animate animatecolor animatemotion animatetransform set')

/**
 * What the value of an attribute is; `refused` for all that is not known to be harmless: event handlers, `style`,
 * `srcdoc`, `srcset`, and the attributes in which frameworks keep code (`x-on:`, `@click`, `hx-on`, `v-html`).
 */
export function attributeKind(element: string, name: string): AttributeKind {
  if (ANIMATES.has(element)) return 'refused'
  if (URLS.has(name)) return LOADS.has(element) ? 'resource' : 'link'
  // `type` decides whether a script element holds data; `rel` what a link element loads.
  if (LOADS.has(element)) return name === 'nonce' || name === 'id' ? 'text' : 'refused'
  if (/^(?:data|aria)-[a-z][a-z0-9-]*$/.test(name)) return FRAMEWORK.test(name) ? 'refused' : 'text'
  return TEXT.has(name) ? 'text' : 'refused'
}

/** `data-` attributes in which frameworks keep code or what amounts to it. */
const FRAMEWORK = /^data-(?:on|x-|hx-|ng-|v-|bind|action|controller|src|href|url|html|template|toggle|content)/
