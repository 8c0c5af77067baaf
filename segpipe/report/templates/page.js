{% include "images.js" %}

{% include "confusion.js" %}
