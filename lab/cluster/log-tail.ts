/** The last lines of a log, because "see the log" is not a message. */
import { readFileSync } from 'node:fs';

const tailLines = 12;

/** `problem`, then the last lines of the log below it. */
export function logTail(problem: string, log: string): string {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return `${problem}; it wrote no log (${log}).`;
  }
  const lines = text.trimEnd().split('\n').slice(-tailLines);
  return `${problem}. The last lines of ${log}:\n  ${lines.join('\n  ')}`;
}
