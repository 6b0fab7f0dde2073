/** The files of a checkout as the tidy rules see them: path and text, nothing read twice. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface TidyFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly rule: string;
  readonly path: string;
  /** 1-based; 0 when the finding is about the whole file. */
  readonly line: number;
  readonly what: string;
  readonly cure: string;
}

/** A rule looks at all files at once, because some rules are about links between them. */
export type TidyRule = (files: readonly TidyFile[]) => Finding[];

const textEndings =
  /\.(ts|mjs|js|json|md|ya?ml|sh|mod|sum|sql|txt|toml)$|(^|\/)(run|Containerfile|LICENSE)$/;

/** Every text file that git tracks or would track. */
export function checkout(root: string): TidyFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: root,
  });
  const paths = [...new Set(listed.toString().split('\0'))].filter((name) =>
    textEndings.test(name),
  );
  return paths.sort().flatMap((name) => {
    try {
      return [{ path: name, text: readFileSync(path.join(root, name), 'utf8') }];
    } catch (error) {
      // Listed and gone: deleted in the working tree, not yet committed.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

/** One readable line for each finding. */
export function render(findings: readonly Finding[]): string {
  return findings
    .map(
      (f) =>
        `${f.path}${f.line > 0 ? `:${f.line}` : ''}: ${f.what} (${f.rule})\n    cure: ${f.cure}`,
    )
    .join('\n');
}

/** Lines of a file with their 1-based numbers. */
export function linesOf(file: TidyFile): Array<{ line: number; text: string }> {
  return file.text.split('\n').map((text, index) => ({ line: index + 1, text }));
}

export const isCode = (file: TidyFile): boolean => /\.(ts|mjs|js)$/.test(file.path);
