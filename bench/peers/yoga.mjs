// GraphQL Yoga with our whole public schema; JIT=1 compiles documents, CACHED=1 keeps answers in the process.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { useResponseCache } from '@graphql-yoga/plugin-response-cache';
import { createYoga } from 'graphql-yoga';
import page from './page.cjs';

const plugins = [];
if (process.env.CACHED) plugins.push(useResponseCache({ session: () => null, ttl: 600_000 }));
if (process.env.JIT) plugins.push(useGraphQlJit());
const yoga = createYoga({
  schema: makeExecutableSchema({
    typeDefs: readFileSync(process.env.SCHEMA, 'utf8'),
    resolvers: {
      Query: {
        // One call for the category and its products, as ours makes.
        category: async (_, { urlPath }, __, info) => {
          const { size } = info.variableValues;
          return page.category(await page.ask(urlPath, size));
        },
      },
    },
    resolverValidationOptions: { requireResolversForResolveType: 'ignore' },
  }),
  plugins,
  logging: false,
  graphiql: false,
});
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
