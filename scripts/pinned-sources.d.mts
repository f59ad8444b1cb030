/** For the tests, which are TypeScript. */
export function sourceFolder(name: string): string;
