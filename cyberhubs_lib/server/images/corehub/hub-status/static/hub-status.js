// What JupyterLab says when its server is gone: in the place of @jupyterlab/hub-extension:connectionlost, which
// offers to restart it also to somebody whose access has ended. Plain JavaScript, so that nothing is to be
// built: the object below is what webpack would make of a module that shares JupyterLab's own.
(() => {
  let shared;
  const module = async name => (await Object.values(shared[name])[0].get())();

  // Whether the hub knows who asks: else its home page leads to the login.
  const known = async hub => {
    try {
      return (await fetch(hub + 'home', { redirect: 'manual' })).type !== 'opaqueredirect';
    } catch {
      return true; // the hub does not answer, or is another site: nothing is known
    }
  };

  const plugin = async () => {
    const { IConnectionLost, JupyterFrontEnd, ConnectionLost } = await module('@jupyterlab/application');
    const { Dialog, showDialog } = await module('@jupyterlab/apputils');
    return {
      id: 'hub-status:plugin',
      autoStart: true,
      provides: IConnectionLost,
      requires: [JupyterFrontEnd.IPaths],
      activate: (app, paths) => {
        const hub = paths.urls.hubPrefix;
        if (!hub) {
          return ConnectionLost;
        }
        let open = false; // one dialog, however many requests fail
        return async () => {
          if (open) {
            return;
          }
          open = true;
          const told = (await known(hub))
            ? {
                title: 'Server unavailable or unreachable',
                body: `Your server at ${paths.urls.base} is not running.\nWould you like to restart it?`,
                buttons: [Dialog.okButton({ label: 'Restart' }), Dialog.cancelButton({ label: 'Dismiss' })]
              }
            : {
                title: 'Your access has ended',
                body:
                  'This hub does not know you any more, and has stopped your server: either an administrator has' +
                  ' ended your access, or your login has expired. Saved files are kept. The login says which.',
                buttons: [Dialog.okButton({ label: 'Log in' }), Dialog.cancelButton({ label: 'Dismiss' })]
              };
          const result = await showDialog(told);
          open = false;
          if (result.button.accept) {
            if (told.title.startsWith('Server')) {
              await app.commands.execute('hub:restart');
            } else {
              window.location.assign(hub + 'login');
            }
          }
        };
      }
    };
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['hub-status'] = {
    init: scope => {
      shared = scope;
    },
    get: async () => {
      const found = await plugin();
      return () => ({ __esModule: true, default: found });
    }
  };
})();
