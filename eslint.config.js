import js from '@eslint/js';
import stylistic from '@stylistic/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Lines are at most this wide; `npm run format` mends what it can. */
const width = 120;

export default tseslint.config(
  { ignores: ['dist', 'examples/browser/dist', 'out', 'node_modules', 'bench/results', 'coverage', 'site'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  stylistic.configs.customize({ semi: true, arrowParens: true, braceStyle: '1tbs', quoteProps: 'as-needed' }),
  { files: ['**/*.mjs'], languageOptions: { globals: { console: 'readonly', performance: 'readonly', process: 'readonly', setTimeout: 'readonly' } } },
  {
    rules: {
      '@stylistic/operator-linebreak': 'off',
      '@stylistic/multiline-ternary': 'off',
      '@stylistic/max-statements-per-line': 'off',
      '@stylistic/quotes': ['error', 'single', { avoidEscape: true, allowTemplateLiterals: 'always' }],
      '@stylistic/max-len': ['error', { code: width, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-console': 'off',
    },
  },
);
