/* host/core/graphql_lexer.h - the words of a GraphQL document. */
#ifndef HOST_CORE_GRAPHQL_LEXER_H
#define HOST_CORE_GRAPHQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

typedef enum hgh_graphql_token {
    HGH_GRAPHQL_END = 0,
    HGH_GRAPHQL_NAME = 1,
    HGH_GRAPHQL_NUMBER = 2, /* an integer or a float */
    HGH_GRAPHQL_STRING = 3, /* a block string, too */
    HGH_GRAPHQL_SPREAD = 4, /* "..." */
    HGH_GRAPHQL_PUNCTUATOR = 5,
    HGH_GRAPHQL_WRONG = 6, /* no word of GraphQL; `wanted` says more */
} hgh_graphql_token;

typedef struct hgh_graphql_lexer {
    hg_text document;
    size_t at; /* behind `text` */
    hgh_graphql_token token;
    hg_text text; /* of the token, as it stands in the document */
    const char *wanted;
} hgh_graphql_lexer;

/** Goes to the first token. */
void hgh_graphql_lexer_begin(hgh_graphql_lexer *lexer, hg_text document);

/** Goes to the next token. At the end, and behind what is wrong, it stays. */
void hgh_graphql_lexer_next(hgh_graphql_lexer *lexer);

#endif
