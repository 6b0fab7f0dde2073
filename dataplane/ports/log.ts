/** Lines for people, one event each. Never a secret, never the bytes of a volume. */
export interface Log {
  info(message: string, labels?: LogLabels): void;
  warn(message: string, labels?: LogLabels): void;
}

export type LogLabels = Readonly<Record<string, string | number | boolean>>;
