/** Documents: no broken link, no orphan. */
import path from 'node:path';
import type { Finding, TidyFile, TidyRule } from '../tree.ts';
import { linesOf } from '../tree.ts';

const isDoc = (file: TidyFile) => file.path.endsWith('.md');

interface Link {
  readonly from: TidyFile;
  readonly line: number;
  /** Path from the root, and the part behind `#` if there is one. */
  readonly to: string;
  readonly anchor: string | undefined;
}

/** Links to files of the repository: inline `[text](target)`, outside code blocks. */
function linksOf(file: TidyFile): Link[] {
  let inFence = false;
  return linesOf(file).flatMap(({ line, text }) => {
    if (text.trimStart().startsWith('```')) inFence = !inFence;
    if (inFence) return [];
    const plain = text.replace(/`[^`]*`/g, '');
    return [...plain.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return [];
      const [name = '', anchor] = target.split('#');
      const to = name === '' ? file.path : path.normalize(path.join(path.dirname(file.path), name));
      return [{ from: file, line, to: to.replace(/\/$/, ''), anchor }];
    });
  });
}

/** GitHub's and Gitea's rule for the anchor of a heading. */
function anchorsOf(file: TidyFile): Set<string> {
  const headings = [...file.text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title);
  const explicit = [...file.text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id);
  const slug = (title: string) =>
    title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[`*]/g, '')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
  return new Set([...headings.map(slug), ...explicit]);
}

export const brokenLinks: TidyRule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const folders = new Set(files.flatMap((file) => parents(file.path)));
  return files.filter(isDoc).flatMap((file) =>
    linksOf(file).flatMap((link): Finding[] => {
      const target = byPath.get(link.to);
      const at = { path: file.path, line: link.line };
      if (target === undefined && !folders.has(link.to)) {
        return [
          {
            rule: 'broken-link',
            ...at,
            what: `links to ${link.to}, which is not there`,
            cure: 'mend the path or write the page',
          },
        ];
      }
      if (target === undefined || link.anchor === undefined || !isDoc(target)) return [];
      if (anchorsOf(target).has(link.anchor)) return [];
      return [
        {
          rule: 'broken-anchor',
          ...at,
          what: `${link.to} has no heading #${link.anchor}`,
          cure: 'copy the anchor from the heading',
        },
      ];
    }),
  );
};

/** A message that sends somebody to a page which is not there is worse than one that does not. */
export const namedPages: TidyRule = (files) => {
  const paths = new Set(files.map((file) => file.path));
  return files
    .filter((file) =>
      /^(components|dataplane|lab|scripts|policies\/rules)\/.*\.(ts|sh|mjs)$/.test(file.path),
    )
    .flatMap((file) =>
      linesOf(file).flatMap(({ line, text }) =>
        [...text.matchAll(/\bdocs\/[\w/-]+\.md\b/g)]
          .filter(([page]) => !paths.has(page))
          .map(([page]) => ({
            rule: 'named-page',
            path: file.path,
            line,
            what: `names ${page}, which is not there`,
            cure: 'write the page or name another',
          })),
      ),
    );
};

/** A page that no other page links to is read by nobody. */
export const orphanDocs: TidyRule = (files) => {
  const docs = files.filter(isDoc);
  const linked = new Set(
    docs.flatMap(linksOf).flatMap((link) => [link.to, `${link.to}/README.md`]),
  );
  // A link to a folder stands for the pages in it (decisions, runbooks, components).
  const inLinkedFolder = (name: string) => linked.has(path.dirname(name));
  return docs
    .filter((file) => file.path.startsWith('docs/'))
    .filter((file) => !linked.has(file.path) && !inLinkedFolder(file.path))
    .map((file) => ({
      rule: 'orphan-doc',
      path: file.path,
      line: 0,
      what: 'is linked from no other page',
      cure: 'link it from docs/README.md',
    }));
};

function parents(name: string): string[] {
  const parent = path.dirname(name);
  return parent === '.' ? ['.'] : [parent, ...parents(parent)];
}
