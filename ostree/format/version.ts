/** The version of the whole toolkit; a test holds it to package.json. */
export const VERSION = '0.1.0';
/** Whose interface the `ostree` personality has. */
export const OSTREE_VERSION = '2026.4';
