/**
 * Finds or makes the tools of the lab: on PATH, in the cache, by official download, as a package,
 * or built with Go; `catalogue.ts` says which of these in which order.
 *
 * Promises: a tool that is returned exists, is whole, and is of the wanted version; what was made
 * once is not made again; every step that takes time shows what it does and why; an interrupted run
 * leaves only what the next one continues from.
 */
import { catalogue as larderCatalogue, type ToolName } from './catalogue.ts';
import { obtain } from './obtain.ts';
import type { FoundTool as AnyFoundTool, ToolContext } from './tool.ts';

type FoundTool = AnyFoundTool<ToolName>;
export type ToolSet = ReadonlyMap<ToolName, FoundTool>;

/** Throws a `LabFault` that says what to do when a tool cannot be had. */
export async function ensureTools(
  names: readonly ToolName[],
  context: ToolContext,
): Promise<ToolSet> {
  return obtain(names, context, larderCatalogue);
}
