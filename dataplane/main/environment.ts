/** What a pod of ours is told by its environment; everything missing is named at once. */
import { z } from 'zod';
import { Fault } from '../base/fault.ts';

export function readEnvironment<T extends z.ZodObject>(schema: T): z.output<T> {
  const parsed = schema.safeParse(process.env);
  if (parsed.success) return parsed.data;
  throw new Fault(
    'input.invalid',
    `The environment cannot be used:\n${z.prettifyError(parsed.error)}`,
    {
      hint: 'The pod is declared by the component of the replicated tier: is it of this version?',
    },
  );
}
