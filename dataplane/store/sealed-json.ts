/**
 * Small files that are written whole: one line of JSON behind its checksum, so that a person can
 * read them with `cat`. Each says its format, and what a reader has to understand beyond it.
 */
import { crc32c } from '../base/crc32c.ts';
import { Fault } from '../base/fault.ts';

const format = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Envelope {
  readonly format: number;
  /** Names of additions without which the file must not be used; this version knows none. */
  readonly mustUnderstand: readonly string[];
}

export function encodeSealedJson(value: object): Uint8Array {
  const envelope: Envelope = { format, mustUnderstand: [] };
  const json = JSON.stringify({ ...envelope, ...value });
  return encoder.encode(`${sealText(json)} ${json}\n`);
}

/**
 * Throws `store.damaged` when the line does not match its checksum, `store.newer-format` when a
 * later version wrote it and it must be understood in full.
 *
 * @param file for the message
 */
export function decodeSealedJson(content: Uint8Array, file: string): unknown {
  const text = decoder.decode(content);
  const json = text.slice(9).trimEnd();
  if (text.slice(0, 9) !== `${sealText(json)} `) {
    throw new Fault('store.damaged', `The file \`${file}\` does not match its checksum.`, {
      hint: 'Put the file back from another source, or remove the directory and let it be copied anew.',
    });
  }
  const found = JSON.parse(json) as Envelope;
  if (found.format !== format || found.mustUnderstand.length > 0) {
    const needs = found.mustUnderstand.map((name) => ` with ${name}`).join('');
    throw new Fault(
      'store.newer-format',
      `The file \`${file}\` has format ${found.format}${needs}; this version reads ${format}.`,
      { hint: 'Run the version of Larder that wrote this store.' },
    );
  }
  return found;
}

function sealText(json: string): string {
  return crc32c(encoder.encode(json)).toString(16).padStart(8, '0');
}
