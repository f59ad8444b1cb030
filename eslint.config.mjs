import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Which folders a folder may import from (docs/architecture.md); everything may import its own folder. */
const LAYERS = {
  'ostree/format': [],
  'ostree/repo': ['ostree/format', 'native'],
  'ostree/sysroot': ['ostree/format', 'ostree/repo', 'native'],
  bootloader: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'native'],
  board: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'bootloader', 'native'],
  'prepare-root': ['ostree/format', 'native'],
  layering: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'bootloader', 'native'],
  native: [],
};
const ALL = Object.keys(LAYERS).concat('cli', 'test');

/** Folders that also run in the compact engine: no node: modules, no RegExp, no `using`. */
const BOTH_ENGINES = ['prepare-root', 'ostree/format', 'ostree/sysroot', 'bootloader', 'board'];

const layerRules = Object.entries(LAYERS).map(([folder, allowed]) => ({
  files: [`${folder}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: ALL.filter((other) => other !== folder && !allowed.includes(other)).map(
              (other) => `#${other}/**`,
            ),
            message: `${folder}/ may import only ${allowed.join(', ') || 'nothing of ours'} (docs/architecture.md).`,
          },
          { group: ['../*'], message: 'Import across folders as #folder/file.ts.' },
          ...(BOTH_ENGINES.includes(folder)
            ? [
                {
                  group: ['node:*'],
                  message: 'This folder also runs in the compact engine: take a Syscalls argument.',
                },
              ]
            : []),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist', 'build', 'node_modules', 'native/vendor', 'native/build', '.demo', '.bench'] },
  eslint.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-control-regex': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
      ],
      'max-depth': ['error', 4],
    },
  },
  {
    files: BOTH_ENGINES.map((folder) => `${folder}/**/*.ts`),
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'BigInt', property: 'asUintN', message: 'The compact engine gets it wrong: use a mask.' },
      ],
      'no-restricted-globals': [
        'error',
        ...[
          'RegExp',
          'Date',
          'Proxy',
          'JSON',
          'Buffer',
          'TextEncoder',
          'TextDecoder',
          'URL',
          'process',
          'console',
        ],
        ...['WeakRef', 'Intl', 'setTimeout', 'structuredClone', 'globalThis'],
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'Literal[regex]', message: 'No RegExp where the compact engine runs.' },
        {
          selector: "VariableDeclaration[kind='using']",
          message: 'No `using` where the compact engine runs.',
        },
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
      ],
    },
  },
  ...layerRules,
  {
    files: ['**/*.mjs', '**/*.cjs', 'vitest.config.ts', 'eslint.config.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' },
    },
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        require: 'readonly',
        module: 'readonly',
        exports: 'readonly',
        __filename: 'readonly',
        __dirname: 'readonly',
      },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
