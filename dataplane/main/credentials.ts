/** Reads the certificates a process shows and checks. The key stays in memory and in no message. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Credentials } from '../host/link.ts';

export const tlsFiles = z.strictObject({
  key: z.string(),
  certificate: z.string(),
  authority: z.string(),
});

export async function readCredentials(
  files: z.infer<typeof tlsFiles> | undefined,
): Promise<Credentials | undefined> {
  if (files === undefined) return undefined;
  try {
    const [key, certificate, authority] = await Promise.all(
      [files.key, files.certificate, files.authority].map(async (file) => readFile(file, 'utf8')),
    );
    if (key === undefined || certificate === undefined || authority === undefined) return undefined;
    return { key, certificate, authority };
  } catch (error) {
    throw new Fault('input.invalid', `A certificate file cannot be read: ${String(error)}`, {
      hint: 'Name three PEM files: key, certificate, authority.',
      cause: error,
    });
  }
}
