/** One line of JSON an event, on standard error. */
import type { Log, LogLabels } from '../ports/log.ts';

export class HostLog implements Log {
  info(message: string, labels?: LogLabels): void {
    write('info', message, labels);
  }

  warn(message: string, labels?: LogLabels): void {
    write('warn', message, labels);
  }
}

function write(level: string, message: string, labels: LogLabels = {}): void {
  const time = new Date().toISOString();
  process.stderr.write(`${JSON.stringify({ time, level, message, ...labels })}\n`);
}
