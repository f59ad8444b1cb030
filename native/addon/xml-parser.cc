// libsolv's interface to XML (solv_xmlparser.h), in place of its own: there the parser and what is made of the elements
// take turns on one thread.
#include "xml-events.h"
#include <cstring>

extern "C" {
#include <solv/util.h>
}

namespace {

void Replay(solv_xmlparser *parser, solver::XmlEvents &block) {
  for (const solver::XmlEvent &event : block.events) {
    const solv_xmlparser_element &element = *event.element;
    if (event.line != 0) parser->line = event.line;
    if (event.text == nullptr)
      parser->startelement(parser, element.tostate, element.element, &block.attributes[event.attributes]);
    else
      // libsolv takes no text for its own.
      parser->endelement(parser, element.tostate, const_cast<char *>(event.text));
  }
  block.events.clear();
  block.attributes.clear();
  block.texts.Clear();
}

}  // namespace

extern "C" {

void solv_xmlparser_init(solv_xmlparser *parser, solv_xmlparser_element *elements, void *userdata,
                         void (*startelement)(solv_xmlparser *, int, const char *, const char **),
                         void (*endelement)(solv_xmlparser *, int, char *)) {
  memset(parser, 0, sizeof *parser);
  parser->elements = elements;
  parser->userdata = userdata;
  parser->startelement = startelement;
  parser->endelement = endelement;
}

void solv_xmlparser_free(solv_xmlparser *parser) {
  parser->content = static_cast<char *>(solv_free(parser->content));
  parser->errstr = static_cast<char *>(solv_free(parser->errstr));
}

int solv_xmlparser_parse(solv_xmlparser *parser, FILE *file) {
  solver::XmlReader reader(parser->elements, file);
  while (solver::XmlEvents *block = reader.events().Oldest()) {
    Replay(parser, *block);
    reader.events().GiveBack();
  }
  if (reader.fault.empty()) return SOLV_XMLPARSER_OK;
  parser->errstr = solv_strdup(reader.fault.c_str());
  parser->line = reader.line;
  parser->column = reader.column;
  return SOLV_XMLPARSER_ERROR;
}

unsigned int solv_xmlparser_lineno(solv_xmlparser *parser) { return parser->line; }

char *solv_xmlparser_contentspace(solv_xmlparser *parser, int length) {
  if (length > parser->acontent) {
    parser->acontent = length + 256;
    parser->content = static_cast<char *>(solv_realloc(parser->content, parser->acontent));
  }
  return parser->content;
}

}  // extern "C"
