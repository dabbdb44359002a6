// The page of /docs: nothing of it is asked elsewhere, and a key that is typed there is forgotten with the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
