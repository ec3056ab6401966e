/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "plots/reports/report.h"

static TnFigure *
make_figure (void)
{
  TnFigure *figure = tn_figure_new ("Loss");
  const double x[] = {0, 1, 2}, y[] = {3, 2, 1};

  tn_figure_add_line (figure, "loss", 0, 3, x, y);
  return figure;
}

/* A table of so many rows, a short one, and what else there is. */
static TnReport *
make_report (guint n_rows)
{
  TnReport *report = tn_report_new ("Model | one", "en");
  const char *const headers[] = {"layer", "change"}, *const short_cells[] = {"a", "1"};
  const gboolean numeric[] = {FALSE, TRUE};
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n_rows; i++)
    {
      g_ptr_array_add (cells, g_strdup_printf ("blk.%u, \"x\" <&> *_", i));
      g_ptr_array_add (cells, g_strdup_printf ("%+.2f", 0.5 * i));
    }
  tn_report_heading (report, "Summary");
  tn_report_paragraph (report, "One | two\nthree.");
  tn_report_table (report, 2, headers, numeric, 1, short_cells);
  tn_report_table (report, 2, headers, numeric, n_rows, (const char *const *) cells->pdata);
  tn_report_figure (report, make_figure (), 600, 400, "It falls.");
  return report;
}

static guint
count (const char *text, gsize length, const char *needle)
{
  guint n = 0;

  for (gsize i = 0; i + strlen (needle) <= length; i++)
    n += memcmp (text + i, needle, strlen (needle)) == 0;
  return n;
}

static void
test_html (void)
{
  g_autoptr (TnReport) report = make_report (3);
  g_autofree char *page = tn_report_to_html (report, NULL);

  g_assert_nonnull (strstr (page, "<h2>Summary</h2>"));
  g_assert_nonnull (strstr (page, "blk.2, &quot;x&quot; &lt;&amp;&gt; *_"));
  g_assert_cmpuint (count (page, strlen (page), "<svg "), ==, 1);
  g_assert_cmpuint (count (page, strlen (page), "<table>"), ==, 2);
  g_assert_cmpuint (count (page, strlen (page), "http"), ==, 1); /* the name space of SVG */
}

/* Tables go on over pages with their headings. */
static void
test_pdf (void)
{
  g_autoptr (TnReport) one = make_report (3), many = make_report (300), wide = tn_report_new ("Wide", NULL);
  g_autoptr (GBytes) first = tn_report_to_pdf (one, NULL), second = tn_report_to_pdf (many, NULL), third = NULL;
  const char *headers[12];
  char *cells[12];
  gboolean numeric[12] = {FALSE};
  gsize n_first, n_second;
  const char *a = g_bytes_get_data (first, &n_first), *b = g_bytes_get_data (second, &n_second);

  g_assert_true (g_str_has_prefix (a, "%PDF-"));
  g_assert_cmpuint (count (a, n_first, "/Type /Page\n") + count (a, n_first, "/Type /Page "), <=, 2);
  g_assert_cmpuint (count (b, n_second, "/Type /Page\n") + count (b, n_second, "/Type /Page "), >=, 6);
  for (guint c = 0; c < 12; c++)
    {
      headers[c] = "heading";
      cells[c] = g_strnfill (c == 3 ? 400 : 10, 'w');
    }
  tn_report_table (wide, 12, headers, numeric, 1, (const char *const *) cells);
  third = tn_report_to_pdf (wide, NULL);
  g_assert_nonnull (third);
  for (guint c = 0; c < 12; c++)
    g_free (cells[c]);
}

static void
test_markdown (void)
{
  g_autoptr (TnReport) report = make_report (2);
  g_autofree char *text = tn_report_to_markdown (report, "f/%u.svg"), *plain = tn_report_to_markdown (report, NULL);

  g_assert_true (
      g_str_has_prefix (text, "# Model \\| one\n\n## Summary\n\nOne \\| two three.\n\n| layer | change |\n|---|---:|\n"));
  g_assert_nonnull (strstr (text, "| blk.1, \"x\" \\<&\\> \\*\\_ | +0.50 |\n"));
  g_assert_nonnull (strstr (text, "](f/1.svg)\n\nIt falls.\n"));
  g_assert_null (strstr (plain, ".svg"));
}

static void
test_csv (void)
{
  g_autoptr (TnReport) report = make_report (2), none = tn_report_new ("None", NULL);
  g_autofree char *text = tn_report_to_csv (report), *empty = tn_report_to_csv (none);

  g_assert_cmpstr (text, ==, "layer,change\n\"blk.0, \"\"x\"\" <&> *_\",+0.00\n\"blk.1, \"\"x\"\" <&> *_\",+0.50\n");
  g_assert_cmpstr (empty, ==, "");
}

static void
test_save (void)
{
  static const char *const names[] = {"100% r.html", "100% r.pdf", "100% r.md", "100% r.csv"};
  g_autoptr (TnReport) report = make_report (2);
  g_autofree char *folder = g_dir_make_tmp ("ternion-report-XXXXXX", NULL), *odd = g_build_filename (folder, "r.txt", NULL);
  g_autofree char *figures = g_build_filename (folder, "100% r-figures", NULL),
                  *figure = g_build_filename (figures, "1.svg", NULL);
  g_autofree char *text = NULL, *markdown = g_build_filename (folder, "100% r.md", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "none", NULL), *missing = g_build_filename (nowhere, "a.md", NULL);
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_assert_true (tn_report_save (report, path, &error));
      g_assert_no_error (error);
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
    }
  g_assert_true (g_file_test (figure, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_get_contents (markdown, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "](100%25%20r-figures/1.svg)"));
  g_assert_false (tn_report_save (report, missing, NULL));
  g_assert_false (g_file_test (nowhere, G_FILE_TEST_EXISTS));
  g_assert_false (tn_report_save (report, odd, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_error_free (error);
  g_unlink (figure);
  g_rmdir (figures);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plots/report/html", test_html);
  g_test_add_func ("/plots/report/pdf", test_pdf);
  g_test_add_func ("/plots/report/markdown", test_markdown);
  g_test_add_func ("/plots/report/csv", test_csv);
  g_test_add_func ("/plots/report/save", test_save);
  return g_test_run ();
}
