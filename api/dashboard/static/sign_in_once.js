// Presses the button of the page that a one-time link opens.
const button = document.getElementById("sign-in");
// Without the token in it: the link is of no use any more, and need not stand in the history.
history.replaceState(null, "", location.pathname);
button.form.requestSubmit(button);
