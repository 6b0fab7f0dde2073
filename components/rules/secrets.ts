/** Secrets of the stack file are encrypted in it. Their values are looked at by nobody here. */
import type { Problem } from './problem.ts';

export function clearSecretProblems(
  secrets: Readonly<Record<string, string>>,
  isEncrypted: boolean,
): Problem[] {
  const names = Object.keys(secrets);
  if (names.length === 0 || isEncrypted) return [];
  return [
    {
      path: 'larder:secrets',
      found: `${names.join(', ')}, in clear`,
      allowed: 'values that the stack file holds encrypted',
      todo: `take them out of the file, consider them known, and write new ones: \`pulumi config set --secret --path 'larder:secrets.${names[0] ?? ''}'\``,
    },
  ];
}

/**
 * Whether a key of the stack file holds something encrypted: the engine tells the program so, by
 * this variable of its language hosts.
 */
export function isSecretKey(
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const listed: unknown = JSON.parse(env['PULUMI_CONFIG_SECRET_KEYS'] ?? '[]');
  return Array.isArray(listed) && listed.includes(key);
}
