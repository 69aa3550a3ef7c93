// A supergraph of one subgraph, from its schema: node compose.mjs schema.graphql http://127.0.0.1:8081/graphql
import { readFileSync } from 'node:fs';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

const [, , file, url] = process.argv;
const { supergraphSdl, errors } = composeServices([
  { name: 'commerce', typeDefs: parse(readFileSync(file, 'utf8')), url },
]);
if (errors?.length) throw new Error(errors.map((error) => error.message).join('\n'));
process.stdout.write(supergraphSdl);
