import { settings } from '../../runtime/settings.ts';
export function widens(): boolean {
  return (globalThis as { WIDE?: boolean }).WIDE === true && settings().backend !== 'js';
}
