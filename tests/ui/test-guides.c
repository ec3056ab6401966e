/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/ui/ui-test.h"
#include "ui/guides-window.h"
#include "ui/guides.h"
#include "ui/markdown.h"

static const TnMarkdownBlock *
get_block (GPtrArray *blocks, guint i)
{
  g_assert_cmpuint (i, <, blocks->len);
  return g_ptr_array_index (blocks, i);
}

static void
test_blocks (void)
{
  g_autoptr (GPtrArray) blocks = tn_markdown_parse ("# Title\n"
                                                    "One line\n"
                                                    "and the next.\n"
                                                    "\n"
                                                    "    code 1\n"
                                                    "\n"
                                                    "      code 2\n"
                                                    "\n"
                                                    "- first, over\n"
                                                    "  two lines\n"
                                                    "- second\n"
                                                    "12. third\n"
                                                    "### Deep\n"
                                                    "| a | b |\n"
                                                    "|---|---|\n"
                                                    "| `x|y` | 1 \\| 2 |\n"
                                                    "| short |\n"
                                                    "```\n"
                                                    "# no heading\n"
                                                    "```\n"
                                                    "last");
  static const TnMarkdownKind kinds[] = {TN_MARKDOWN_HEADING, TN_MARKDOWN_PARAGRAPH, TN_MARKDOWN_CODE, TN_MARKDOWN_ITEM,
                                         TN_MARKDOWN_ITEM,    TN_MARKDOWN_ITEM,      TN_MARKDOWN_HEADING, TN_MARKDOWN_TABLE,
                                         TN_MARKDOWN_CODE,    TN_MARKDOWN_PARAGRAPH};
  char **row;

  g_assert_cmpuint (blocks->len, ==, G_N_ELEMENTS (kinds));
  for (guint i = 0; i < blocks->len; i++)
    g_assert_cmpint (get_block (blocks, i)->kind, ==, kinds[i]);
  g_assert_cmpstr (get_block (blocks, 0)->text, ==, "Title");
  g_assert_cmpstr (get_block (blocks, 1)->text, ==, "One line and the next.");
  g_assert_cmpstr (get_block (blocks, 2)->text, ==, "code 1\n\n  code 2");
  g_assert_cmpstr (get_block (blocks, 3)->text, ==, "first, over two lines");
  g_assert_cmpstr (get_block (blocks, 3)->bullet, ==, "•");
  g_assert_cmpstr (get_block (blocks, 5)->bullet, ==, "12.");
  g_assert_cmpuint (get_block (blocks, 6)->level, ==, 3);
  g_assert_cmpuint (get_block (blocks, 7)->n_columns, ==, 2);
  g_assert_cmpuint (get_block (blocks, 7)->rows->len, ==, 3);
  row = g_ptr_array_index (get_block (blocks, 7)->rows, 1);
  g_assert_cmpstr (row[0], ==, "`x|y`");
  g_assert_cmpstr (row[1], ==, "1 | 2");
  row = g_ptr_array_index (get_block (blocks, 7)->rows, 2);
  g_assert_cmpstr (row[1], ==, "");
  g_assert_cmpstr (get_block (blocks, 8)->text, ==, "# no heading");
}

static void
test_inline (void)
{
  static const struct
  {
    const char *text;
    const char *markup;
    const char *plain;
  } cases[] = {
      {"plain & <simple>", "plain &amp; &lt;simple&gt;", "plain & <simple>"},
      {"`a<b` and **bold**", "<tt>a&lt;b</tt> and <b>bold</b>", "a<b and bold"},
      {"2 * 3 * 4 and *so*", "2 * 3 * 4 and <i>so</i>", "2 * 3 * 4 and so"},
      {"see [the `file`](a.md#b \"x\")", "see <a href=\"a.md#b &quot;x&quot;\">the <tt>file</tt></a>", "see the file"},
      {"[1, n] and `[rows]`", "[1, n] and <tt>[rows]</tt>", "[1, n] and [rows]"},
      {"`open", "`open", "`open"},
      {"**", "**", "**"},
      {"", "", ""},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *markup = tn_markdown_to_markup (cases[i].text), *plain = tn_markdown_to_plain (cases[i].text);

      g_assert_cmpstr (markup, ==, cases[i].markup);
      g_assert_cmpstr (plain, ==, cases[i].plain);
      g_assert_true (pango_parse_markup (markup, -1, 0, NULL, NULL, NULL, NULL) || strstr (markup, "<a ") != NULL);
    }
}

/* Every guide of the tree is in the program, and every link between guides leads somewhere. */
static void
test_all_there (void)
{
  g_autoptr (GPtrArray) guides = tn_guides_load ();
  g_autoptr (GDir) folder = g_dir_open (TN_TEST_GUIDES, 0, NULL);
  guint n_files = 0;

  g_assert_nonnull (folder);
  for (const char *name = g_dir_read_name (folder); name != NULL; name = g_dir_read_name (folder))
    {
      guint guide, block;

      if (!g_str_has_suffix (name, ".md"))
        continue;
      n_files++;
      if (!tn_guides_find (guides, 0, name, &guide, &block))
        g_error ("%s is not listed in workbench.gresource.xml", name);
    }
  g_assert_cmpuint (guides->len, ==, n_files);

  for (guint i = 0; i < guides->len; i++)
    {
      const TnGuide *guide = g_ptr_array_index (guides, i);

      g_assert_cmpuint (guide->sections->len, >, 0);
      for (guint k = 0; k < guide->blocks->len; k++)
        {
          const char *text = ((TnMarkdownBlock *) g_ptr_array_index (guide->blocks, k))->text;
          g_autofree char *markup = text != NULL ? tn_markdown_to_markup (text) : g_strdup ("");

          for (const char *link = strstr (markup, "<a href=\""); link != NULL; link = strstr (link + 1, "<a href=\""))
            {
              g_autofree char *address = g_strndup (link + 9, strcspn (link + 9, "\""));
              guint found, block;

              if (strstr (address, "://") == NULL && !tn_guides_find (guides, i, address, &found, &block))
                g_error ("%s: the link to %s leads nowhere", guide->name, address);
            }
        }
    }
}

static void
test_window (void)
{
  GtkWidget *window = g_object_ref_sink (tn_guides_window_new ());
  TnGuidesWindow *guides = TN_GUIDES_WINDOW (window);
  guint all;

  gtk_window_present (GTK_WINDOW (window));
  tn_ui_test_spin ();
  all = tn_guides_window_get_n_listed (guides);
  g_assert_cmpuint (all, >, 5);
  tn_guides_window_show (guides, "statistics-file.md#metadata");
  g_assert_cmpstr (tn_guides_window_get_name (guides), ==, "statistics-file.md");
  tn_guides_window_show (guides, "none.md");
  g_assert_cmpstr (tn_guides_window_get_name (guides), ==, "statistics-file.md");
  /* Upper case and words of different places in one section. */
  tn_guides_window_search (guides, "PYTHON");
  g_assert_cmpuint (tn_guides_window_get_n_listed (guides), >, 0);
  g_assert_cmpuint (tn_guides_window_get_n_listed (guides), <, all);
  tn_guides_window_search (guides, "there is no such word");
  g_assert_cmpuint (tn_guides_window_get_n_listed (guides), ==, 0);
  tn_guides_window_search (guides, "");
  g_assert_cmpuint (tn_guides_window_get_n_listed (guides), ==, all);
  gtk_window_destroy (GTK_WINDOW (window));
  g_object_unref (window);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add_func ("/ui/guides/blocks", test_blocks);
  g_test_add_func ("/ui/guides/inline", test_inline);
  g_test_add_func ("/ui/guides/all-there", test_all_there);
  g_test_add_func ("/ui/guides/window", test_window);
  return g_test_run ();
}
