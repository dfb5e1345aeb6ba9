//! Hot columns: the histories of persons as narrow files beside the lake, kept by intake and rebuildable from it.
