/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/guide-view.h"

#include <adwaita.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "ui/markdown.h"

#define TEXT_WIDTH 760

struct _TnGuideView
{
  GtkWidget parent_instance;
  GtkScrolledWindow *scroller;
  GtkBox *box;
  GPtrArray *blocks;
  GPtrArray *widgets; /* the widget of each block */
  guint scroll_source;
  guint scroll_block;
  guint scroll_tries;
};

enum
{
  LINK,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnGuideView, tn_guide_view, GTK_TYPE_WIDGET)

static gboolean
on_link (GtkLabel *label, const char *address, TnGuideView *self)
{
  if (strstr (address, "://") != NULL)
    return FALSE; /* the label opens it */
  g_signal_emit (self, signals[LINK], 0, address);
  return TRUE;
}

static GtkWidget *
make_label (TnGuideView *self, const char *text, GtkAccessibleRole role)
{
  g_autofree char *markup = tn_markdown_to_markup (text);
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "accessible-role", role, "use-markup", TRUE, "label", markup, "wrap", TRUE,
                                   "wrap-mode", PANGO_WRAP_WORD_CHAR, "xalign", 0.0, NULL);

  g_signal_connect (label, "activate-link", G_CALLBACK (on_link), self);
  return label;
}

static GtkWidget *
make_heading (TnGuideView *self, const TnMarkdownBlock *block)
{
  static const char *const classes[] = {"title-1", "title-2", "title-4", "heading"};
  GtkWidget *label = make_label (self, block->text, GTK_ACCESSIBLE_ROLE_HEADING);

  gtk_accessible_update_property (GTK_ACCESSIBLE (label), GTK_ACCESSIBLE_PROPERTY_LEVEL, (int) block->level, -1);
  gtk_widget_add_css_class (label, classes[MIN (block->level, G_N_ELEMENTS (classes)) - 1]);
  gtk_widget_set_margin_top (label, block->level == 1 ? 0 : 12);
  return label;
}

static void
on_copy (GtkButton *button, const char *code)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), code);
}

static GtkWidget *
make_code (const TnMarkdownBlock *block)
{
  GtkWidget *overlay = gtk_overlay_new (), *scroller = gtk_scrolled_window_new (), *label = gtk_label_new (block->text);
  GtkWidget *copy = gtk_button_new_from_icon_name ("edit-copy-symbolic");

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_selectable (GTK_LABEL (label), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (label), GTK_ACCESSIBLE_PROPERTY_LABEL, block->text, -1);
  gtk_widget_add_css_class (label, "guide-code");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_AUTOMATIC, GTK_POLICY_NEVER);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), label);
  gtk_widget_add_css_class (scroller, "card");
  gtk_overlay_set_child (GTK_OVERLAY (overlay), scroller);
  gtk_widget_set_halign (copy, GTK_ALIGN_END);
  gtk_widget_set_valign (copy, GTK_ALIGN_START);
  gtk_widget_set_margin_end (copy, 4);
  gtk_widget_set_margin_top (copy, 4);
  gtk_widget_add_css_class (copy, "flat");
  gtk_widget_add_css_class (copy, "guide-copy");
  gtk_widget_set_tooltip_text (copy, _ ("Copy"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (copy), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Copy the code"), -1);
  g_signal_connect (copy, "clicked", G_CALLBACK (on_copy), block->text);
  gtk_overlay_add_overlay (GTK_OVERLAY (overlay), copy);
  return overlay;
}

static GtkWidget *
make_item (TnGuideView *self, const TnMarkdownBlock *block)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8), *bullet = gtk_label_new (block->bullet);
  GtkWidget *label = make_label (self, block->text, GTK_ACCESSIBLE_ROLE_LABEL);

  gtk_widget_set_valign (bullet, GTK_ALIGN_START);
  gtk_label_set_width_chars (GTK_LABEL (bullet), 2);
  gtk_label_set_xalign (GTK_LABEL (bullet), 1);
  gtk_widget_add_css_class (bullet, "dim-label");
  gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (GTK_BOX (row), bullet);
  gtk_box_append (GTK_BOX (row), label);
  return row;
}

static GtkWidget *
make_table (TnGuideView *self, const TnMarkdownBlock *block)
{
  GtkWidget *grid = g_object_new (GTK_TYPE_GRID, "accessible-role", GTK_ACCESSIBLE_ROLE_TABLE, NULL);

  for (guint r = 0; r < block->rows->len; r++)
    for (guint c = 0; c < block->n_columns; c++)
      {
        char **cells = g_ptr_array_index (block->rows, r);
        GtkWidget *label =
            make_label (self, cells[c], r == 0 ? GTK_ACCESSIBLE_ROLE_COLUMN_HEADER : GTK_ACCESSIBLE_ROLE_CELL);

        gtk_label_set_yalign (GTK_LABEL (label), 0);
        gtk_widget_set_hexpand (label, c + 1 == block->n_columns);
        gtk_widget_add_css_class (label, r == 0 ? "guide-head" : "guide-cell");
        gtk_grid_attach (GTK_GRID (grid), label, (int) c, (int) r, 1, 1);
      }
  gtk_widget_add_css_class (grid, "card");
  return grid;
}

static GtkWidget *
make_widget (TnGuideView *self, const TnMarkdownBlock *block)
{
  switch (block->kind)
    {
    case TN_MARKDOWN_HEADING:
      return make_heading (self, block);
    case TN_MARKDOWN_CODE:
      return make_code (block);
    case TN_MARKDOWN_ITEM:
      return make_item (self, block);
    case TN_MARKDOWN_TABLE:
      return make_table (self, block);
    case TN_MARKDOWN_PARAGRAPH:
    default:
      return make_label (self, block->text, GTK_ACCESSIBLE_ROLE_LABEL);
    }
}

static void
tn_guide_view_dispose (GObject *object)
{
  TnGuideView *self = TN_GUIDE_VIEW (object);
  GtkWidget *child;

  if (self->scroll_source != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->scroll_source);
  self->scroll_source = 0;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  g_clear_pointer (&self->widgets, g_ptr_array_unref);
  g_clear_pointer (&self->blocks, g_ptr_array_unref);
  G_OBJECT_CLASS (tn_guide_view_parent_class)->dispose (object);
}

static void
tn_guide_view_class_init (TnGuideViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_guide_view_dispose;
  signals[LINK] =
      g_signal_new ("link", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
}

static void
tn_guide_view_init (TnGuideView *self)
{
  GtkWidget *clamp = adw_clamp_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 10);

  self->box = GTK_BOX (box);
  self->widgets = g_ptr_array_new ();
  self->scroller = GTK_SCROLLED_WINDOW (gtk_scrolled_window_new ());
  gtk_widget_set_margin_start (box, 18);
  gtk_widget_set_margin_end (box, 18);
  gtk_widget_set_margin_top (box, 18);
  gtk_widget_set_margin_bottom (box, 24);
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), TEXT_WIDTH);
  adw_clamp_set_child (ADW_CLAMP (clamp), box);
  gtk_scrolled_window_set_policy (self->scroller, GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (self->scroller, clamp);
  /* So that Page Down reads on. */
  gtk_widget_set_focusable (GTK_WIDGET (self->scroller), TRUE);
  gtk_widget_set_parent (GTK_WIDGET (self->scroller), GTK_WIDGET (self));
}

void
tn_guide_view_set_blocks (TnGuideView *self, const char *title, GPtrArray *blocks)
{
  GtkWidget *child;

  g_return_if_fail (TN_IS_GUIDE_VIEW (self));

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->box))) != NULL)
    gtk_box_remove (self->box, child);
  g_ptr_array_set_size (self->widgets, 0);
  g_clear_pointer (&self->blocks, g_ptr_array_unref);
  self->blocks = g_ptr_array_ref (blocks);
  for (guint i = 0; i < blocks->len; i++)
    {
      GtkWidget *widget = make_widget (self, g_ptr_array_index (blocks, i));

      g_ptr_array_add (self->widgets, widget);
      gtk_box_append (self->box, widget);
    }
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->scroller), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (self->scroller), 0);
}

/* Heights are known only after the guide was laid out. */
static gboolean
on_scroll_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  TnGuideView *self = TN_GUIDE_VIEW (widget);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment (self->scroller);
  graphene_rect_t bounds;

  if (self->scroll_tries++ < 2)
    return G_SOURCE_CONTINUE;
  self->scroll_source = 0;
  if (self->scroll_block < self->widgets->len &&
      gtk_widget_compute_bounds (g_ptr_array_index (self->widgets, self->scroll_block), GTK_WIDGET (self->box), &bounds))
    gtk_adjustment_set_value (adjustment, self->scroll_block == 0 ? 0 : bounds.origin.y);
  return G_SOURCE_REMOVE;
}

void
tn_guide_view_scroll_to (TnGuideView *self, guint block)
{
  g_return_if_fail (TN_IS_GUIDE_VIEW (self));

  self->scroll_block = block;
  self->scroll_tries = 0;
  if (self->scroll_source == 0)
    self->scroll_source = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_scroll_tick, NULL, NULL);
}
