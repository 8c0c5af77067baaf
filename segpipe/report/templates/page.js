{% include "images.js" %}
