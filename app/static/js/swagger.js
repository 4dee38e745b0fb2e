// Begins Swagger UI. No validator elsewhere is asked, and a key that somebody enters is forgotten with the page.
(() => {
  const place = document.getElementById("swagger");
  SwaggerUIBundle({
    domNode: place,
    url: place.dataset.description,
    validatorUrl: null,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
  });
})();
