/** Reads the certificates a process shows and checks. The key stays in memory and in no message. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Credentials } from '../host/link.ts';
import type { Log } from '../ports/log.ts';

/** Paths of three PEM files. */
export const tlsFiles = z.strictObject({
  key: z.string(),
  certificate: z.string(),
  authority: z.string(),
});

type TlsFiles = z.infer<typeof tlsFiles> | undefined;

/** How often the files are looked at for new certificates. */
const renewalMs = 60_000;

/** Rejects with `input.invalid` when a file cannot be read or they do not belong together. */
export async function readCredentials(files: TlsFiles): Promise<Credentials | undefined> {
  if (files === undefined) return undefined;
  try {
    const [key, certificate, authority] = await Promise.all([
      readFile(files.key, 'utf8'),
      readFile(files.certificate, 'utf8'),
      readFile(files.authority, 'utf8'),
    ]);
    createSecureContext({ key, cert: certificate, ca: authority });
    return { key, certificate, authority };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const { key, certificate, authority } = files;
    throw new Fault('input.invalid', `The certificates cannot be used: ${why}`, {
      hint: `Look at ${key}, ${certificate} and ${authority}: three PEM files that belong together.`,
      cause: error,
    });
  }
}

/**
 * Certificates are renewed while processes run: hands new ones over when the files have changed.
 * Files that cannot be used are left alone, with a warning, until they can.
 */
export function keepRenewed(
  files: TlsFiles,
  holder: { renew(credentials: Credentials): void },
  log: Log,
): void {
  let known = '';
  const look = async () => {
    try {
      const credentials = await readCredentials(files);
      const found = JSON.stringify(credentials);
      if (credentials !== undefined && known !== '' && found !== known) {
        holder.renew(credentials);
        log.info('uses renewed certificates');
      }
      known = found;
    } catch (error) {
      log.warn(error instanceof Error ? error.message : String(error));
    }
  };
  if (files === undefined) return;
  void look();
  setInterval(() => void look(), renewalMs).unref();
}
