// The pack runner compiles a TypeScript entry with its own old compiler; through this line Node
// itself loads the TypeScript.
import './pack.ts';
