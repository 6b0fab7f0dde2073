/**
 * The files that `assetPaths` and `archivePaths` name: globs over the working directory, evaluated
 * in order, `!` takes out again. Syntax of gobwas/glob with `/` as separator: `*` stays within a
 * folder, `**` does not, `?` is one character, `[ab]` and `[!ab]` one of a set, `{a,b}` one of
 * several.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';

/** Paths relative to `folder`, sorted. */
export function filesMatching(folder: string, globs: readonly string[]): string[] {
  const rules = globs.map((glob) => ({
    excludes: glob.startsWith('!'),
    pattern: patternOf(glob.replace(/^!/, '')),
  }));
  const chosen = new Set<string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = path.relative(folder, path.join(entry.parentPath, entry.name));
    for (const { excludes, pattern } of rules) {
      if (!pattern.test(file)) continue;
      if (excludes) chosen.delete(file);
      else chosen.add(file);
    }
  }
  return [...chosen].sort();
}

function patternOf(glob: string): RegExp {
  let inBraces = false;
  const source = glob.replaceAll(/\*\*|\*|\?|\[!?[^\]]*\]|\{|\}|,|[^\w\s]/g, (token) => {
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.startsWith('[')) return token.replace(/^\[!/, '[^');
    if (token === '{') {
      inBraces = true;
      return '(?:';
    }
    if (token === '}') {
      inBraces = false;
      return ')';
    }
    if (token === ',') return inBraces ? '|' : ',';
    return `\\${token}`;
  });
  return new RegExp(`^${source}$`, 's');
}
