/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "plots/reports/html-report.h"

static void
on_element (GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer user_data,
            GError **error)
{
  GHashTable *ids = user_data;

  for (guint i = 0; names[i] != NULL; i++)
    {
      /* Nothing is fetched, nothing runs. */
      g_assert_false (g_str_has_prefix (names[i], "on"));
      g_assert_cmpstr (names[i], !=, "src");
      g_assert_cmpstr (names[i], !=, "href");
      if (g_str_equal (names[i], "id"))
        g_assert_true (g_hash_table_add (ids, g_strdup (values[i])));
    }
  g_assert_cmpstr (name, !=, "link");
  g_assert_cmpstr (name, !=, "image");
}

static void
assert_well_formed (const char *page)
{
  static const GMarkupParser parser = {.start_element = on_element};
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, ids, NULL);
  const char *root = strstr (page, "<html");
  g_autoptr (GError) error = NULL;

  g_assert_true (g_str_has_prefix (page, "<!DOCTYPE html>\n"));
  g_assert_nonnull (root);
  g_markup_parse_context_parse (context, root, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
}

static guint
count (const char *text, const char *needle)
{
  guint n = 0;

  for (const char *p = strstr (text, needle); p != NULL; p = strstr (p + 1, needle))
    n++;
  return n;
}

static void
test_escaping (void)
{
  g_autoptr (TnHtmlReport) report = tn_html_report_new ("<script>alert(1)</script>", "de_DE.UTF-8");
  const char *const headers[] = {"a & b", "\"n\""};
  const gboolean numeric[] = {FALSE, TRUE};
  const char *const cells[] = {"<b>", "1.5", "x\x01y\xff", "2"};
  g_autofree char *page = NULL;

  tn_html_report_heading (report, "</h2><img src=x onerror=alert(1)>");
  tn_html_report_paragraph (report, "1 < 2 & 3 > 2");
  tn_html_report_table (report, 2, headers, numeric, 2, cells);
  page = tn_html_report_to_string (report);
  assert_well_formed (page);
  g_assert_cmpuint (count (page, "<script"), ==, 1);
  g_assert_null (strstr (page, "<img"));
  g_assert_nonnull (strstr (page, "<html lang=\"de-DE\">"));
  g_assert_nonnull (strstr (page, "1 &lt; 2 &amp; 3 &gt; 2"));
  g_assert_cmpuint (count (page, "<td class=\"number\">"), ==, 2);
  g_assert_nonnull (strstr (page, "<th scope=\"col\" aria-sort=\"none\" class=\"number\">"));
}

static void
test_languages (void)
{
  static const char *const cases[][2] =
      {{"en", "en"},         {"C", "en"}, {"POSIX", "en"}, {"", "en"}, {"pt_BR.UTF-8", "pt-BR"}, {"de_DE@euro", "de-DE"},
       {"\"><script>", "en"}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TnHtmlReport) report = tn_html_report_new ("t", cases[i][0]);
      g_autofree char *page = tn_html_report_to_string (report), *expected = g_strdup_printf ("<html lang=\"%s\">", cases[i][1]);

      g_assert_nonnull (strstr (page, expected));
    }
}

static TnFigure *
make_figure (const char *title)
{
  TnFigure *figure = tn_figure_new (title);
  const double edges[] = {0, 1, 2, 3}, counts[] = {5, 0, 7};

  tn_figure_add_histogram (figure, "a < b", 0, 3, edges, counts);
  return figure;
}

static void
test_figures (void)
{
  g_autoptr (TnHtmlReport) report = tn_html_report_new ("Figures", "en");
  g_autoptr (TnFigure) first = make_figure ("first & best"), second = make_figure ("second");
  g_autofree char *page = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_html_report_figure (report, first, 860, 420, "A <caption>", &error));
  g_assert_no_error (error);
  g_assert_true (tn_html_report_figure (report, second, 860, 420, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (tn_html_report_figure (report, second, 0, 420, NULL, &error));
  g_assert_nonnull (error);
  page = tn_html_report_to_string (report);
  assert_well_formed (page);
  g_assert_cmpuint (count (page, "<svg "), ==, 2);
  g_assert_cmpuint (count (page, "<figure>"), ==, 2);
  g_assert_cmpuint (count (page, "<figcaption>"), ==, 1);
  g_assert_nonnull (strstr (page, "first &amp; best</text>"));
  g_assert_nonnull (strstr (page, "prefers-color-scheme:dark"));
}

static void
test_save (void)
{
  g_autoptr (TnHtmlReport) report = tn_html_report_new ("Saved", "en");
  g_autofree char *folder = g_dir_make_tmp ("ternion-report-XXXXXX", NULL), *path = g_build_filename (folder, "r.html", NULL);
  g_autofree char *missing = g_build_filename (folder, "no", "r.html", NULL), *page = tn_html_report_to_string (report),
                  *saved = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_html_report_save (report, path, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &saved, NULL, NULL));
  g_assert_cmpstr (saved, ==, page);
  g_assert_false (tn_html_report_save (report, missing, &error));
  g_assert_nonnull (error);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plots/html-report/escaping", test_escaping);
  g_test_add_func ("/plots/html-report/languages", test_languages);
  g_test_add_func ("/plots/html-report/figures", test_figures);
  g_test_add_func ("/plots/html-report/save", test_save);
  return g_test_run ();
}
