/** `npm run schema`: writes Pulumi.schema.json anew, after a change of the configuration. */
import { writeFileSync } from 'node:fs';
import { stackSchemaFile, stackSchemaText } from './stack-schema.ts';

writeFileSync(stackSchemaFile, stackSchemaText());
