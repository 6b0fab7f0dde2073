/**
 * What the table of applications says about one application: how it chooses its database.
 * Rows are data; `database-choice.ts` reads them.
 */

/** `sqlite` and `file` (H2, Bolt, …) are files with one writer; the others need no such volume. */
export type DatabaseKind = 'sqlite' | 'file' | 'postgres' | 'mysql' | 'memory' | 'server';

/** One way by which an application is told its database. The first that decides, decides. */
export type Selector =
  | {
      /** The value names the kind, as a word (`postgres`) or as the scheme of a URL. */
      readonly by: 'value';
      readonly names: readonly string[];
      readonly anyCase?: boolean;
      /** Words with a meaning of their own in this application. */
      readonly words?: Readonly<Record<string, DatabaseKind>>;
      /** What any other value means, where the application has such a rule. */
      readonly otherwise?: DatabaseKind;
    }
  | {
      /** That the variable is set decides, whatever its value. */
      readonly by: 'presence';
      readonly names: readonly string[];
      readonly anyCase?: boolean;
      readonly means: DatabaseKind;
    }
  | {
      /** A line of a mounted configuration file decides. */
      readonly by: 'file';
      /** End of the file's path, such as `/configuration.yaml`. */
      readonly path: string;
      /** Its first group captures a word or URL that names the kind. */
      readonly pattern: RegExp;
    }
  | {
      /** A word of the command line decides; the first group captures it. */
      readonly by: 'argument';
      readonly pattern: RegExp;
      /** What it means, when the word itself names no database. */
      readonly means?: DatabaseKind;
    };

export interface Application {
  readonly name: string;
  /** Patterns of `matchesImage`. */
  readonly images: readonly string[];
  /** Versions of the image's tag: the row holds from `since` on and before `until`. */
  readonly since?: number;
  readonly until?: number;
  readonly selectors: readonly Selector[];
  /** What it takes when nothing is set; `undecided` when it must be told. */
  readonly byDefault: DatabaseKind | 'undecided';
  /** Where the file lies by default. */
  readonly files: readonly string[];
  /** Variables that move the file. */
  readonly fileVariables?: readonly string[];
  /** How to choose a server database; undefined when the application offers none. */
  readonly serverHint?: string;
  /** Set when the makers themselves advise to stay with the file. */
  readonly makersAdvice?: string;
  /** Set when the default is common knowledge not read at the source: then it is only advice. */
  readonly isAssumed?: boolean;
  /** Where this was read. */
  readonly source: string;
}

/** The value of the first of these variables that is set names the kind. */
export function value(...names: readonly string[]): Selector {
  return { by: 'value', names };
}

/** One of these variables being set means the kind. */
export function presence(means: DatabaseKind, ...names: readonly string[]): Selector {
  return { by: 'presence', names, means };
}
