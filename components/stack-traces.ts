/**
 * Stack traces as Node writes them.
 *
 * Pulumi's runner installs `source-map-support`, which reads and applies the source maps of the SDK
 * itself each time a stack is written, and the SDK writes one for every resource and every promise.
 * On a stack of forty volumes that is a third of this program's processor time and 80 MiB, for
 * positions that nothing here was compiled from: Node strips our types in place, so lines and
 * columns are those of the file (decision 0210).
 *
 * Never: changes what an error says, or where in our own files it says it happened.
 */
export function plainStackTraces(): void {
  // What `source-map-support` sets; without it V8 writes the trace itself.
  Reflect.deleteProperty(Error, 'prepareStackTrace');
}
