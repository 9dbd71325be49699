// What a project that loads its plugins from a folder writes.
export { default } from '@portcullis/security'
